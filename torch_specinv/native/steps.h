// What forest.cpp integrates. It includes this file.
class Forest;
// Steps of phase from frame t of an item to the next one, and from each of its bins to the next one: given as tables,
struct Given {
  const uint32_t *time, *frequency;
  int64_t bins;
  Given of(int64_t item, int64_t count) const { return {time + item * count, frequency + item * count, bins}; }
  void along_time(int64_t t, uint32_t *step) const { std::copy_n(time + t * bins, bins, step); }
  void along_frequency(int64_t t, uint32_t *step) const { std::copy_n(frequency + t * bins, bins, step); }
};
// or made of slopes of the log-magnitude, as in phase/pghi.py
struct Slopes {
  const float *log;
  const uint32_t *carrier;  // of each bin
  const int64_t *last;      // frame of each item
  int64_t frames, bins, odd, even_ends;
  uint32_t delay;
  float time, frequency;
  const uint32_t *known;  // steps along time of all frames, or null: then these are slopes as well
  // In parts: of one item only the logarithms of so many frames from `begin` on are there. The work goes on until `end`,
  // or is given up where that is negative; where it stands is kept in `forest`.
  Forest **forest;
  int64_t begin, rows, end;
  const float *row(int64_t t) const { return log + (t - begin) * bins; }
  Slopes of(int64_t item, int64_t count) const {
    Slopes own = *this;
    own.log += item * count, own.last += item;
    if (known) own.known += item * count;
    return own;
  }
  void along_time(int64_t t, uint32_t *step) const {
    if (known) return (void)std::copy_n(known + t * bins, bins, step);
    const float *now = row(t), *next = row(t + 1);
    std::vector<float> room(bins);  // units of the phase, beyond what the centre of the bin advances
    float *__restrict units = room.data();
    for (int64_t f = 1; f + 1 < bins; f++) units[f] = ((next[f + 1] + now[f + 1]) - (next[f - 1] + now[f - 1])) * time;
    if (const int64_t f = bins - 1; f > 0 && odd)  // the last bin is its own upper neighbour, or else has none
      units[f] = ((next[f] + now[f]) - (next[f - 1] + now[f - 1])) * time;
    std::copy_n(carrier, bins, step);
    add_units(units, bins, is_small(time), step);
  }
  void along_frequency(int64_t t, uint32_t *step) const {
    const bool first = t == 0, is_last = t == *last;
    std::fill_n(step, bins, delay);
    if (first || is_last ? even_ends || *last == 0 : t + 1 == frames) return;
    const float *next = row(is_last ? t : t + 1), *before = row(first ? t : t - 1);
    const float slope = first || is_last ? 2 * frequency : frequency;
    std::vector<float> room(bins);
    float *__restrict units = room.data();
    for (int64_t f = 0; f + 1 < bins; f++) units[f] = ((next[f + 1] + next[f]) - (before[f + 1] + before[f])) * slope;
    add_units(units, bins, is_small(slope), step);
  }
  static bool is_small(float slope) { return slope < 0x1p45f && slope > -0x1p45f; }
};
