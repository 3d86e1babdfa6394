/* The few transcendental functions that rope tables and sampling need, without libc, so that
 * every platform (wasm32 too) gives the same bits. Not for inner loops: kernels have their own.
 * Accuracy against an exact result: relative error <= 1e-15 * 8 in the ranges stated; the test
 * beside libm asserts it. Owns nothing. */
#pragma once
#include "base/base.h"

/* e^x. Overflow gives infinity, underflow below about -745 gives 0, NaN gives NaN. */
f64 math_exp(f64 x);
/* Natural logarithm of x > 0 (subnormals included). 0 gives -infinity; negative, NaN: NaN. */
f64 math_log(f64 x);
/* x^y for x > 0, as exp(y log x): relative error grows with |y log x|, <= 1e-13 below 300. */
f64 math_pow(f64 x, f64 y);
/* sin and cos of x radians, |x| <= 2^20 (three-part reduction by pi/2); absolute error
 * <= 1e-15 * 4. Beyond that, or NaN: both NaN. */
void math_sincos(f64 x, f64 *sin_x, f64 *cos_x);
