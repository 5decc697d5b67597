// Backwards through iterations of Griffin-Lim, for the gradient of a wave. lanes.h includes this file.
//
// With the analysis A, the synthesis A+ = 1/D A^H and the projection P, an iteration makes the wave A+ P(A y). So from
// a gradient g of that wave follows A^H P'^H A (g / D) for y. Divided by D it is the same trip, with P'^H as its rule.

struct Keep : Project {  // the spectrum, for the next rule
  static constexpr bool SYNTHESISES = false;
  INLINE static void bin(cvec *a, int64_t i, const Spectra &at, const Row &) {
    for (int f = 0; f < 2; f++) at.memory[2 * i + f] = a[f];
  }
};

// Of the spectrum that was kept only the phase matters: what is left of `a` is at a right angle to it, and what lies
// along it is for the magnitude. Bins that hold only rounding errors have no derivative, as everywhere in the package.
struct Return : Project {
  INLINE static void bin(cvec *a, int64_t i, const Spectra &at, const Row &) {
    const cvec *q = at.memory + 2 * i;
    const Two inverse = reciprocals(q[0], q[1]);
    for (int f = 0; f < 2; f++) {
      const cvec direction = inverse.of[f] * q[f];
      const vec along = a[f].re * direction.re + a[f].im * direction.im;
      vec gain = at.magnitude[2 * i + f] * inverse.of[f];
      gain = inverse.of[f] > 8388608.0f ? vec{} : gain;
      at.gradient[2 * i + f] += along;
      a[f] = gain * (a[f] - along * direction);
    }
  }
};
