package rawjson

// A block is 64 bytes of text that are looked at together. What is found in it is a mask: bit i
// stands for byte i. That way a processor has to guess once for a block how it goes on, and not at
// each byte that stands out.
type block [64]byte

const (
	ones = 0x0101010101010101
	tops = 0x8080808080808080
)

// stopsIn are the bytes that end plain text in a JSON string: quotes, backslashes and control
// characters.
func stopsIn(b *block) (mask uint64) {
	for i := 0; i < len(b); i += 8 {
		x := word(b[i:])
		low := x &^ tops
		// Of each sum the top bit is 0 where the byte is the one looked for; bytes beyond ASCII have it
		// of their own.
		plain := (low+ones*(0x80-0x20))&(low^ones*'"'+ones*0x7F)&(low^ones*'\\'+ones*0x7F) | x
		mask |= gather(^plain) << i
	}
	return mask
}

// classesIn sorts the bytes of UTF-8 (RFC 3629 section 3). cont are those that continue a sequence;
// lead2, lead3 and lead4 begin one of at least so many bytes. Of the leads, odd are those that may
// be none, or may have a second byte out of the usual range.
func classesIn(b *block) (cont, lead2, lead3, lead4, odd uint64) {
	for i := 0; i < len(b); i += 8 {
		x := word(b[i:])
		high := x & tops
		two := high & (x << 1)
		three := two & (x << 2)
		four := three & (x << 3)
		cont |= gather(high&^two) << i
		lead2 |= gather(two) << i
		lead3 |= gather(three) << i
		lead4 |= gather(four) << i
		c0c1 := two & ^(x&(ones*0x1E) + ones*0x7F) &^ three
		low := x & (ones * 0x0F)
		e0ed := three & (^(low + ones*0x7F) | ^(low ^ ones*0x0D + ones*0x7F))
		odd |= gather(c0c1|e0ed|four) << i
	}
	return cont, lead2, lead3, lead4, odd
}

// gather collects the top bits of eight bytes.
func gather(x uint64) uint64 { return (x & tops) >> 7 * 0x0102040810204080 >> 56 }
