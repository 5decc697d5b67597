// V complex numbers at a time, one in each lane, and their Fourier transforms. lanes.h includes this file, once for
// each instruction set.
//
// A transform runs in place, by frequency forwards and by time backwards, and leaves the bins in the order of reversed
// digits.
typedef float vec __attribute__((vector_size(4 * V)));
typedef uint32_t bits __attribute__((vector_size(4 * V)));
struct cvec { vec re, im; };
INLINE vec all(float x) { return x - vec{}; }
INLINE cvec operator+(cvec a, cvec b) { return {a.re + b.re, a.im + b.im}; }
INLINE cvec operator-(cvec a, cvec b) { return {a.re - b.re, a.im - b.im}; }
INLINE cvec operator*(float s, cvec a) { return {s * a.re, s * a.im}; }
INLINE cvec operator*(vec s, cvec a) { return {s * a.re, s * a.im}; }

template <bool INVERSE> INLINE cvec quarter_turn(cvec a) { return INVERSE ? cvec{-a.im, a.re} : cvec{a.im, -a.re}; }
// Signs are part of the formula: a number from memory is free to multiply with, a negated one is not.
template <bool INVERSE> INLINE cvec twiddle(cvec a, const float *w) {
  const vec c = all(w[0]), s = all(w[1]);
  return INVERSE ? cvec{a.re * c + a.im * s, a.im * c - a.re * s} : cvec{a.re * c - a.im * s, a.im * c + a.re * s};
}

// cos and sin of parts of a turn
template <int R> struct Roots {
  float cosine[R] = {}, sine[R] = {};
  constexpr Roots() {
    for (int k = 0; k < R; k++) {
      const double x = 2 * 3.14159265358979323846 * k / R;
      double term = 1, sums[2] = {};
      for (int n = 0; n < 40; term *= x / ++n) sums[n % 2] += n % 4 < 2 ? term : -term;
      cosine[k] = (float)sums[0], sine[k] = (float)sums[1];
    }
  }
};

template <int R, bool INVERSE> INLINE void small_transform(cvec *a) {
  if constexpr (R == 2) {
    const cvec sum = a[0] + a[1];
    a[1] = a[0] - a[1], a[0] = sum;
  }
  if constexpr (R % 2) {  // sums and differences of what lies opposite
    constexpr Roots<R> root;
    cvec sum[R / 2], gap[R / 2];
    const cvec first = a[0];
    for (int j = 1; j <= R / 2; j++) {
      sum[j - 1] = a[j] + a[R - j], gap[j - 1] = quarter_turn<INVERSE>(a[j] - a[R - j]);
      a[0] = a[0] + sum[j - 1];
    }
    for (int k = 1; k <= R / 2; k++) {
      cvec even = first, odd = {};
      for (int j = 1; j <= R / 2; j++)
        even = even + root.cosine[j * k % R] * sum[j - 1], odd = odd + root.sine[j * k % R] * gap[j - 1];
      a[k] = even + odd, a[R - k] = even - odd;
    }
  }
  if constexpr (R == 4) {
    const cvec even = a[0] + a[2], other = a[0] - a[2], odd = a[1] + a[3];
    const cvec side = quarter_turn<INVERSE>(a[1] - a[3]);
    a[0] = even + odd, a[1] = other + side, a[2] = even - odd, a[3] = other - side;
  }
  if constexpr (R == 8) {
    cvec even[4] = {a[0], a[2], a[4], a[6]}, odd[4] = {a[1], a[3], a[5], a[7]};
    small_transform<4, INVERSE>(even);
    small_transform<4, INVERSE>(odd);
    const cvec first = quarter_turn<INVERSE>(odd[1]), third = quarter_turn<INVERSE>(odd[3]);
    odd[1] = 0.707106781f * (odd[1] + first), odd[3] = 0.707106781f * (third - odd[3]);
    odd[2] = quarter_turn<INVERSE>(odd[2]);
    for (int i = 0; i < 4; i++) a[i] = even[i] + odd[i], a[i + 4] = even[i] - odd[i];
  }
}

// One stage of all the blocks of `size` points among the n points of x.
template <int R, bool INVERSE> void butterflies(cvec *x, int64_t n, int64_t size, const float *twiddles) {
  const int64_t stride = size / R;
  const bool turn = stride > 1;
  for (cvec *end = x + n; x < end; x += size) {
    const float *w = twiddles;
    for (int64_t k = 0; k < stride; k++, w += 2 * (R - 1)) {
      cvec a[R];
      a[0] = x[k];
      for (int j = 1; j < R; j++)
        a[j] = INVERSE && turn ? twiddle<true>(x[k + j * stride], w + 2 * j - 2) : x[k + j * stride];
      small_transform<R, INVERSE>(a);
      x[k] = a[0];
      for (int j = 1; j < R; j++) x[k + j * stride] = !INVERSE && turn ? twiddle<false>(a[j], w + 2 * j - 2) : a[j];
    }
  }
}

// All stages: depth first while a block is larger than half of a small cache, then stage after stage.
template <bool INVERSE>
void transform(cvec *x, int64_t n, int64_t size, const int64_t *radices, const float *twiddles) {
  if (size == 1) return;
  const int64_t radix = *radices, part = size / radix, block = n * (int64_t)sizeof(cvec) > 16384 ? part : n;
  const auto stage = radix == 2 ? butterflies<2, INVERSE> : radix == 3 ? butterflies<3, INVERSE>
    : radix == 4 ? butterflies<4, INVERSE> : radix == 5 ? butterflies<5, INVERSE> : radix == 7 ? butterflies<7, INVERSE>
    : radix == 8 ? butterflies<8, INVERSE> : radix == 11 ? butterflies<11, INVERSE> : butterflies<13, INVERSE>;
  if (!INVERSE) stage(x, n, size, twiddles);
  for (int64_t j = 0; j < n; j += block)
    transform<INVERSE>(x + j, block, part, radices + 1, twiddles + 2 * (radix - 1) * part);
  if (INVERSE) stage(x, n, size, twiddles);
}
