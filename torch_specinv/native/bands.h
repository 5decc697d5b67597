// Sums over bins instead of magnitudes: the projections of constraints/bands.py, for all bins of a pair of frames. What
// is known of the bands of a pair, and their sums, are [band][2][lane]. lanes.h includes this file.
INLINE vec at_least(vec x, float least) { return x > all(least) ? x : all(least); }
// 1 / sqrt(x) to the last digit but one, by Newton's iterations: divisions and roots take longer.
INLINE vec inverse_root(vec x) {
  vec y = (vec)(0x5f3759dfu - ((bits)x >> 1));
  const vec half = 0.5f * x;
  for (int times = 0; times < 3; times++) y *= 1.5f - half * y * y;
  return y;
}
// Sums below this are silence; see constraints/bands.py.
constexpr float SILENT_SUM = 1e-18f;
// A bin is added to the sums of its bands,
INLINE void add_bin(const Bank &b, int64_t i, const vec *powers, vec *sums) {
  const float *weight = b.weights + i * b.reach;
  vec *sum = sums + 2 * b.first[i];
  for (int64_t j = 0; j < b.reach; j++, sum += 2)
    for (int f = 0; f < 2; f++) sum[f] += weight[j] * powers[f];
}
// and gets the sum of what its bands have.
INLINE Two of_bands(const Bank &b, int64_t i, const vec *values) {
  const float *weight = b.weights + i * b.reach;
  const vec *value = values + 2 * b.first[i];
  Two sum = {};
  for (int64_t j = 0; j < b.reach; j++, value += 2)
    for (int f = 0; f < 2; f++) sum.of[f] += weight[j] * value[f];
  return sum;
}
// The mean over the bands of a bin, or 1 where it is in none
INLINE vec mean_of(const Bank &b, int64_t i, vec sum) { return b.shares[i] * sum + (b.shares[i] == 0 ? 1.0f : 0.0f); }

template <class Rule> struct InBands : Rule {};
struct Look : Answer { static constexpr bool SYNTHESISES = false; };  // find the gains of the variable

template <class Rule> void all_bins(InBands<Rule>, const Plan &p, cvec *z, const Spectra &at, const Row &row) {
  constexpr bool OF_WAVE = Rule::ANALYSES && !Rule::RELAXES, MEASURES = std::is_same_v<Rule, Measure>;
  const Bank &b = *at.bank;
  const int64_t bands = 2 * b.bands;
  const bool adds = b.power == 1 && !b.scales;
  vec *sums = at.sums, *solved = sums + bands, *gains = at.gains ? at.gains : solved + bands;
  if (b.starts && std::is_same_v<Rule, Answer>)
    return each_bin<true>(p, z, [&](cvec *a, int64_t i) { std::copy_n(at.variable + 2 * i, 2, a); });
  if constexpr (Rule::RELAXES)
    if (at.begins) b.starts ? (void)std::fill_n(gains, 2 * p.bins, all(1)) : all_bins(InBands<Look>{}, p, z, at, row);
  std::fill(sums, solved, vec{});
  if (!b.scales) each_bin<false>(p, z, [&](cvec *a, int64_t i) {
    if constexpr (Rule::RELAXES) Rule::renew(a, i, at, row, {{gains[2 * i], gains[2 * i + 1]}});
    const cvec *c = OF_WAVE ? a : at.variable + 2 * i;
    vec powers[2] = {c[0].re * c[0].re + c[0].im * c[0].im, c[1].re * c[1].re + c[1].im * c[1].im};
    for (int f = 0; adds && f < 2; f++) {
      vec &inverse = gains[2 * i + f];
      inverse = inverse_root(powers[f] + 1e-20f), powers[f] *= inverse;
    }
    add_bin(b, i, powers, sums);
  });
  if (MEASURES) {
    if (at.gains) std::copy_n(sums, bands, gains);
    for (int64_t j = 0; j < bands; j++) at.variable->re += (sums[j] - at.magnitude[j]) * (sums[j] - at.magnitude[j]);
    return;
  }
  for (int64_t j = 0; j < bands; j++)
    sums[j] = b.scales ? at.magnitude[j] : adds ? at.magnitude[j] - sums[j] : at.magnitude[j] / at_least(sums[j], SILENT_SUM);
  const float *weight = b.inverse;
  const bool factors = adds && b.spread == 2 && b.bands > 2;
  for (int64_t k = 1; factors && k < b.bands; k++)
    for (int f = 0; f < 2; f++) sums[2 * k + f] -= weight[2 * k] * sums[2 * k - 2 + f];
  vec above[2] = {};
  for (int64_t k = b.bands - 1; factors && k >= 0; k--)
    for (int f = 0; f < 2; f++) {
      solved[2 * k + f] = weight[2 * k + 1] * sums[2 * k + f] - above[f];
      above[f] = weight[2 * k] * solved[2 * k + f];
    }
  for (int64_t k = 0; adds && !factors && k < b.bands; k++) {
    const vec *gap = sums + 2 * b.inverse_first[k];
    Two sum = {};
    for (int64_t j = 0; j < b.spread; j++, weight++, gap += 2)
      for (int f = 0; f < 2; f++) sum.of[f] += *weight * gap[f];
    for (int f = 0; f < 2; f++) solved[2 * k + f] = sum.of[f];
  }
  each_bin<Rule::SYNTHESISES>(p, z, [&](cvec *a, int64_t i) {
    Two change = of_bands(b, i, adds ? solved : sums);
    for (int f = 0; f < 2; f++) {
      vec &gain = change.of[f];
      gain = adds ? at_least(1 + gains[2 * i + f] * gain, 0) : mean_of(b, i, gain);
      if (b.power == 2) gain = root(gain);
      if (at.gains) gains[2 * i + f] = gain;
      if (!OF_WAVE) a[f] = at.variable[2 * i + f];
    }
    Rule::finish(a, i, at, row, change);
  });
}

// Smooth powers (frames, bins) with these sums (frames, bands), by multiplicative updates, for frames from `begin` on, at
// most 2 V. The bins of the bank are in their own order here.
void smooth(const Bank &b, int64_t bins, int64_t updates, int64_t frames, int64_t begin, const float *target,
            float *powers, float *memory) {
  vec *known = (vec *)memory, *sums = known + 2 * b.bands, *x = sums + 2 * b.bands, *weights = x + 2 * bins;
  const int64_t count = std::min<int64_t>(2 * V, frames - begin);
  std::fill(known, x, vec{});
  std::fill(weights, weights + 2 * b.bands, vec{});
  const vec ones[2] = {all(1), all(1)};
  float widest = 0;
  for (int64_t k = 0; k < bins; k++) {
    add_bin(b, k, ones, weights);
    if (b.shares[k] > 0) widest = std::max(widest, 1 / b.shares[k]);
  }
  for (int64_t n = 0; n < count; n++)
    for (int64_t j = 0; j < b.bands; j++) ((float *)known)[2 * V * j + n] = target[(begin + n) * b.bands + j];
  for (int64_t j = 0; j < 2 * b.bands; j++) sums[j] = known[j] / at_least(weights[j], SILENT_SUM);
  for (int64_t k = 0; k < bins; k++) {
    const float lift = b.shares[k] > 0 ? std::min(widest * b.shares[k], 100.0f) : 100.0f;
    const Two sum = of_bands(b, k, sums);
    for (int f = 0; f < 2; f++) x[2 * k + f] = lift * sum.of[f];
  }
  for (int64_t update = 0; update < updates; update++) {
    std::fill(sums, x, vec{});
    for (int64_t k = 0; k < bins; k++) add_bin(b, k, x + 2 * k, sums);
    for (int64_t j = 0; j < 2 * b.bands; j++) sums[j] = known[j] / at_least(sums[j], SILENT_SUM);
    for (int64_t k = 0; k < bins; k++) {
      const Two sum = of_bands(b, k, sums);
      for (int f = 0; f < 2; f++) x[2 * k + f] *= mean_of(b, k, sum.of[f]);
    }
  }
  for (int64_t n = 0; n < count; n++)
    for (int64_t k = 0; k < bins; k++) powers[(begin + n) * bins + k] = ((float *)x)[2 * V * k + n];
}
