//go:build !purego

#include "textflag.h"

DATA bytes<>+0(SB)/8, $0x2222222222222222
DATA bytes<>+8(SB)/8, $0x2222222222222222
DATA bytes<>+16(SB)/8, $0x5C5C5C5C5C5C5C5C
DATA bytes<>+24(SB)/8, $0x5C5C5C5C5C5C5C5C
DATA bytes<>+32(SB)/8, $0x1F1F1F1F1F1F1F1F
DATA bytes<>+40(SB)/8, $0x1F1F1F1F1F1F1F1F
DATA bytes<>+48(SB)/8, $0xC0C0C0C0C0C0C0C0
DATA bytes<>+56(SB)/8, $0xC0C0C0C0C0C0C0C0
DATA bytes<>+64(SB)/8, $0xE0E0E0E0E0E0E0E0
DATA bytes<>+72(SB)/8, $0xE0E0E0E0E0E0E0E0
DATA bytes<>+80(SB)/8, $0xEDEDEDEDEDEDEDED
DATA bytes<>+88(SB)/8, $0xEDEDEDEDEDEDEDED
DATA bytes<>+96(SB)/8, $0xFEFEFEFEFEFEFEFE
DATA bytes<>+104(SB)/8, $0xFEFEFEFEFEFEFEFE
GLOBL bytes<>(SB), RODATA|NOPTR, $112

// STOPS sets the bits of 16 bytes in mask: X1 = x == '"' | x == '\\' | min(x, 0x1F) == x.
#define STOPS(offset, mask) \
	MOVOU offset(SI), X0 \
	MOVOA X0, X1         \
	MOVOA X0, X2         \
	MOVOA X0, X3         \
	PCMPEQB X13, X1      \
	PCMPEQB X14, X2      \
	PMINUB X15, X3       \
	PCMPEQB X0, X3       \
	POR X2, X1           \
	POR X3, X1           \
	PMOVMSKB X1, mask

// JOIN makes four masks of 16 bits one of 64.
#define JOIN(a, b, c, d) \
	SHLQ $16, b \
	SHLQ $32, c \
	SHLQ $48, d \
	ORQ b, a    \
	ORQ d, c    \
	ORQ c, a

// func stops(b *block) (mask uint64)
TEXT ·stops(SB), NOSPLIT, $0-16
	MOVQ b+0(FP), SI
	MOVOU bytes<>+0(SB), X13
	MOVOU bytes<>+16(SB), X14
	MOVOU bytes<>+32(SB), X15
	STOPS(0, AX)
	STOPS(16, BX)
	STOPS(32, CX)
	STOPS(48, DX)
	JOIN(AX, BX, CX, DX)
	MOVQ AX, mask+8(FP)
	RET

// NEXT puts the top bits of the 16 bytes in x below those that are in a mask already.
#define NEXT(x, mask) \
	PMOVMSKB x, AX \
	SHLQ $16, mask \
	ORQ AX, mask

// CLASSES adds 16 bytes to all masks. Adding bytes to themselves brings their second bit to the top, then the third and the fourth.
#define CLASSES(offset) \
	MOVOU offset(SI), X0 \
	MOVOA X0, X1         \
	MOVOA X0, X2         \
	MOVOA X0, X3         \
	PCMPEQB X9, X1       \
	PCMPEQB X10, X2      \
	PAND X11, X3         \
	PCMPEQB X8, X3       \
	POR X2, X1           \
	POR X3, X1           \
	NEXT(X1, R8)         \
	NEXT(X0, BX)         \
	PADDB X0, X0         \
	NEXT(X0, CX)         \
	PADDB X0, X0         \
	NEXT(X0, DX)         \
	PADDB X0, X0         \
	NEXT(X0, DI)

// func classes(b *block) (cont, lead2, lead3, lead4, odd uint64)
TEXT ·classes(SB), NOSPLIT, $0-48
	MOVQ b+0(FP), SI
	MOVOU bytes<>+48(SB), X8
	MOVOU bytes<>+64(SB), X9
	MOVOU bytes<>+80(SB), X10
	MOVOU bytes<>+96(SB), X11
	CLASSES(48)
	CLASSES(32)
	CLASSES(16)
	CLASSES(0)
	ANDQ BX, CX  // lead2: the first two bits are set
	ANDQ CX, DX  // lead3
	ANDQ DX, DI  // lead4
	XORQ CX, BX  // cont: the first bit without the second
	ORQ DI, R8   // odd
	MOVQ BX, cont+8(FP)
	MOVQ CX, lead2+16(FP)
	MOVQ DX, lead3+24(FP)
	MOVQ DI, lead4+32(FP)
	MOVQ R8, odd+40(FP)
	RET
