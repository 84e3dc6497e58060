//go:build !purego

#include "textflag.h"

// GATHER makes one mask of what was found in 64 bytes: each byte of V is all ones or zero. V31 has the bits 1, 2, 4 ... 128, twice.
#define GATHER(V0, V1, V2, V3, mask) \
	VAND V31.B16, V0.B16, V0.B16 \
	VAND V31.B16, V1.B16, V1.B16 \
	VAND V31.B16, V2.B16, V2.B16 \
	VAND V31.B16, V3.B16, V3.B16 \
	VADDP V1.B16, V0.B16, V0.B16 \
	VADDP V3.B16, V2.B16, V2.B16 \
	VADDP V2.B16, V0.B16, V0.B16 \
	VADDP V0.B16, V0.B16, V0.B16 \
	VMOV V0.D[0], mask

#define BITS \
	MOVD $0x8040201008040201, R1 \
	VMOV R1, V31.D[0]            \
	VMOV R1, V31.D[1]

// EACH16 does the same to four registers of 16 bytes: from V0-V3 to V4-V7 with the constant C.
#define EACH16(OP, C) \
	OP C.B16, V0.B16, V4.B16 \
	OP C.B16, V1.B16, V5.B16 \
	OP C.B16, V2.B16, V6.B16 \
	OP C.B16, V3.B16, V7.B16

// SAME finds the bytes that the step before did not change.
#define SAME \
	VCMEQ V0.B16, V4.B16, V4.B16 \
	VCMEQ V1.B16, V5.B16, V5.B16 \
	VCMEQ V2.B16, V6.B16, V6.B16 \
	VCMEQ V3.B16, V7.B16, V7.B16

// OREQUAL adds the bytes that are the constant C.
#define OREQUAL(C) \
	VCMEQ C.B16, V0.B16, V16.B16  \
	VCMEQ C.B16, V1.B16, V17.B16  \
	VCMEQ C.B16, V2.B16, V18.B16  \
	VCMEQ C.B16, V3.B16, V19.B16  \
	VORR V16.B16, V4.B16, V4.B16  \
	VORR V17.B16, V5.B16, V5.B16  \
	VORR V18.B16, V6.B16, V6.B16  \
	VORR V19.B16, V7.B16, V7.B16

#define BYTE(c, V) \
	MOVD $c, R1 \
	VDUP R1, V.B16

// func stops(b *block) (mask uint64)
TEXT ·stops(SB), NOSPLIT, $0-16
	MOVD b+0(FP), R0
	VLD1 (R0), [V0.B16, V1.B16, V2.B16, V3.B16]
	BITS
	BYTE(0x1F, V20)
	BYTE(0x22, V21)
	BYTE(0x5C, V22)
	EACH16(VUMIN, V20)
	SAME
	OREQUAL(V21)
	OREQUAL(V22)
	GATHER(V4, V5, V6, V7, R2)
	MOVD R2, mask+8(FP)
	RET

// func classes(b *block) (cont, lead2, lead3, lead4, odd uint64)
TEXT ·classes(SB), NOSPLIT, $0-48
	MOVD b+0(FP), R0
	VLD1 (R0), [V0.B16, V1.B16, V2.B16, V3.B16]
	BITS
	BYTE(0x80, V20)
	BYTE(0xC0, V21)
	BYTE(0xE0, V22)
	BYTE(0xED, V23)
	BYTE(0xF0, V24)
	BYTE(0xC1, V25)
	EACH16(VUMAX, V21)
	SAME
	GATHER(V4, V5, V6, V7, R3)
	EACH16(VCMTST, V20)
	GATHER(V4, V5, V6, V7, R2)
	BIC R3, R2, R2
	EACH16(VUMAX, V22)
	SAME
	GATHER(V4, V5, V6, V7, R4)
	EACH16(VUMAX, V24)
	SAME
	GATHER(V4, V5, V6, V7, R5)
	EACH16(VUMAX, V24) // odd: F0 and more, E0, ED, C0, C1
	SAME
	OREQUAL(V22)
	OREQUAL(V23)
	OREQUAL(V21)
	OREQUAL(V25)
	GATHER(V4, V5, V6, V7, R6)
	MOVD R2, cont+8(FP)
	MOVD R3, lead2+16(FP)
	MOVD R4, lead3+24(FP)
	MOVD R5, lead4+32(FP)
	MOVD R6, odd+40(FP)
	RET
