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
DATA bytes<>+96(SB)/8, $0xF0F0F0F0F0F0F0F0
DATA bytes<>+104(SB)/8, $0xF0F0F0F0F0F0F0F0
DATA bytes<>+112(SB)/8, $0xF4F4F4F4F4F4F4F4
DATA bytes<>+120(SB)/8, $0xF4F4F4F4F4F4F4F4
DATA bytes<>+128(SB)/8, $0xFEFEFEFEFEFEFEFE
DATA bytes<>+136(SB)/8, $0xFEFEFEFEFEFEFEFE
GLOBL bytes<>(SB), RODATA|NOPTR, $144

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

// NEXT puts the bits of 16 bytes, the top bits of X, into a mask from the top down.
#define NEXT(x, mask) \
	PMOVMSKB x, AX \
	SHLQ $48, AX   \
	SHRQ $16, mask \
	ORQ AX, mask

// CLASSES adds 16 bytes to all masks: what is less than C0 as a signed number (cont), what max() with C0, E0 and F0 leaves as it is
// (lead2, lead3, lead4), and F4 and more, E0, ED, F0, C0 and C1 (odd).
#define CLASSES(offset) \
	MOVOU offset(SI), X0 \
	MOVOA X8, X1         \
	PCMPGTB X0, X1       \
	NEXT(X1, BX)         \
	MOVOA X0, X1         \
	PMAXUB X8, X1        \
	PCMPEQB X0, X1       \
	NEXT(X1, CX)         \
	MOVOA X0, X1         \
	PMAXUB X9, X1        \
	PCMPEQB X0, X1       \
	NEXT(X1, DX)         \
	MOVOA X0, X1         \
	PMAXUB X11, X1       \
	PCMPEQB X0, X1       \
	NEXT(X1, DI)         \
	MOVOA X0, X1         \
	PMAXUB X12, X1       \
	PCMPEQB X0, X1       \
	MOVOA X0, X2         \
	PCMPEQB X9, X2       \
	POR X2, X1           \
	MOVOA X0, X2         \
	PCMPEQB X10, X2      \
	POR X2, X1           \
	MOVOA X0, X2         \
	PCMPEQB X11, X2      \
	POR X2, X1           \
	PAND X13, X0         \
	PCMPEQB X8, X0       \
	POR X0, X1           \
	NEXT(X1, R8)

// func classes(b *block) (cont, lead2, lead3, lead4, odd uint64)
TEXT ·classes(SB), NOSPLIT, $0-48
	MOVQ b+0(FP), SI
	MOVOU bytes<>+48(SB), X8
	MOVOU bytes<>+64(SB), X9
	MOVOU bytes<>+80(SB), X10
	MOVOU bytes<>+96(SB), X11
	MOVOU bytes<>+112(SB), X12
	MOVOU bytes<>+128(SB), X13
	CLASSES(0)
	CLASSES(16)
	CLASSES(32)
	CLASSES(48)
	MOVQ BX, cont+8(FP)
	MOVQ CX, lead2+16(FP)
	MOVQ DX, lead3+24(FP)
	MOVQ DI, lead4+32(FP)
	MOVQ R8, odd+40(FP)
	RET
