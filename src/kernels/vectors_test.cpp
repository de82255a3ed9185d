// Elementwise kernels and norms.
#include <algorithm>

#include "kernels/kernels_testing.h"

namespace fathom::kernels {
namespace {

class VectorsTest : public TierTest {
 protected:
  std::vector<std::byte> RandomBf16(int64_t n) {
    std::vector<std::byte> bytes(static_cast<size_t>(2 * n));
    const std::vector<float> values = RandomFloats(n);
    for (int64_t i = 0; i < n; ++i) {
      const uint16_t bits = numerics::FloatToBf16(values[static_cast<size_t>(i)]);
      std::memcpy(bytes.data() + 2 * i, &bits, sizeof bits);
    }
    return bytes;
  }
};
FATHOM_TEST_ALL_TIERS(VectorsTest);

TEST_P(VectorsTest, RmsNormAgreesWithDoublePrecision) {
  for (int64_t n : {16, 48, 512, 4096, 7168}) {
    const std::vector<float> x = RandomFloats(n, 3.0f);
    const std::vector<std::byte> weight = RandomBf16(n);
    double squares = 0;
    for (float value : x) squares += double{value} * value;
    const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(n) + 1e-6);
    // The sum of squares is halved by the root; then a division, a root and two products.
    const double bound = (static_cast<double>(n) / 32 + 8) * kUnitRoundoff;
    EXPECT_NEAR(tier().inverse_rms(x.data(), 1e-6f, n), inverse, bound * inverse);
    std::vector<float> out(x.size());
    tier().rms_norm(x.data(), weight.data(), 1e-6f, n, out.data());
    for (int64_t i = 0; i < n; ++i) {
      uint16_t bits;
      std::memcpy(&bits, weight.data() + 2 * i, sizeof bits);
      const double want = double{x[static_cast<size_t>(i)]} * inverse * numerics::Bf16ToFloat(bits);
      ASSERT_NEAR(out[static_cast<size_t>(i)], want, bound * std::fabs(want));
    }
    std::vector<float> in_place = x;
    tier().rms_norm(in_place.data(), weight.data(), 1e-6f, n, in_place.data());
    EXPECT_EQ(in_place, out);
    std::vector<std::byte> ones(static_cast<size_t>(2 * n));
    for (int64_t i = 0; i < n; ++i) ones[static_cast<size_t>(2 * i + 1)] = std::byte{0x3F};
    for (int64_t i = 0; i < n; ++i) ones[static_cast<size_t>(2 * i)] = std::byte{0x80};
    std::vector<float> unweighted(x.size());
    tier().rms_norm(x.data(), ones.data(), 1e-6f, n, out.data());
    tier().rms_norm(x.data(), nullptr, 1e-6f, n, unweighted.data());
    EXPECT_EQ(unweighted, out);
  }
}

TEST_P(VectorsTest, StreamMixesAgreeWithDoublePrecision) {
  for (int64_t count : {1, 4, 16}) {
    for (int64_t n : {16, 80}) {
      const std::vector<float> streams = RandomFloats(count * n);
      const std::vector<float> weights = RandomFloats(count);
      const std::vector<float> y = RandomFloats(n);
      const std::vector<float> combine = RandomFloats(count * count);
      std::vector<float> sum(y.size());
      tier().weighted_sum(streams.data(), weights.data(), count, n, sum.data());
      std::vector<float> mixed = streams;
      tier().mix_streams(y.data(), weights.data(), combine.data(), count, n, mixed.data());
      const auto stream = [&](int64_t i, int64_t d) {
        return double{streams[static_cast<size_t>(i * n + d)]};
      };
      // One product and one addition per stream.
      const double unit = static_cast<double>(count + 2) * kUnitRoundoff;
      for (int64_t d = 0; d < n; ++d) {
        double want = 0, magnitude = 0;
        for (int64_t i = 0; i < count; ++i) {
          want += weights[static_cast<size_t>(i)] * stream(i, d);
          magnitude += std::fabs(weights[static_cast<size_t>(i)] * stream(i, d));
        }
        ASSERT_NEAR(sum[static_cast<size_t>(d)], want, unit * magnitude);
        for (int64_t j = 0; j < count; ++j) {
          want = double{weights[static_cast<size_t>(j)]} * y[static_cast<size_t>(d)];
          magnitude = std::fabs(want);
          for (int64_t i = 0; i < count; ++i) {
            const double part = combine[static_cast<size_t>(i * count + j)] * stream(i, d);
            want += part;
            magnitude += std::fabs(part);
          }
          ASSERT_NEAR(mixed[static_cast<size_t>(j * n + d)], want, unit * magnitude);
        }
      }
    }
  }
}

TEST_P(VectorsTest, SwigluAgreesWithDoublePrecision) {
  constexpr int64_t kCount = 4096;
  std::vector<float> gate = RandomMagnitudes(kCount, -6, 7);
  const std::vector<float> up = RandomMagnitudes(kCount, -6, 7);
  gate[0] = 0;
  gate[1] = -1000;
  gate[2] = 1000;
  gate[3] = -88.5f;
  std::vector<float> out(kCount);
  tier().swiglu(gate.data(), up.data(), 10.0f, 0.75f, kCount, out.data());
  for (size_t i = 0; i < kCount; ++i) {
    const double g = std::min(double{gate[i]}, 10.0);
    const double want = 0.75 * (g / (1.0 + std::exp(-g)) * std::clamp(double{up[i]}, -10.0, 10.0));
    // The exponential within 2 units (4 half ones) and four more operations. Where e^-g overflows,
    // a result of at most 2^-118 is 0.
    ASSERT_NEAR(out[i], want, 10 * kUnitRoundoff * std::fabs(want) + 0x1p-118) << gate[i];
  }
  std::vector<float> in_place = gate;
  tier().swiglu(in_place.data(), up.data(), 10.0f, 0.75f, kCount, in_place.data());
  EXPECT_EQ(in_place, out);
}

TEST_P(VectorsTest, AddIsExact) {
  const std::vector<float> x = RandomMagnitudes(272, -20, 20);
  std::vector<float> out = RandomMagnitudes(272, -20, 20);
  std::vector<float> want = out;
  for (size_t i = 0; i < x.size(); ++i) want[i] += x[i];
  tier().add(x.data(), 272, out.data());
  EXPECT_EQ(Bits(out), Bits(want));
}

TEST_P(VectorsTest, RotateHasTheBitsOfPortable) {
  for (int64_t pairs : {1, 7, 8, 13, 32}) {
    constexpr int64_t kCount = 5;
    const int64_t stride = 2 * pairs + 3;
    const std::vector<float> cosines = RandomFloats(pairs);
    const std::vector<float> sines = RandomFloats(pairs);
    // The last vector ends where the allocation does.
    std::vector<float> x = RandomFloats((kCount - 1) * stride + 2 * pairs);
    std::vector<float> want = x;
    tier().rotate(x.data(), kCount, stride, cosines.data(), sines.data(), pairs);
    portable().rotate(want.data(), kCount, stride, cosines.data(), sines.data(), pairs);
    EXPECT_EQ(Bits(x), Bits(want));
  }
}

TEST_P(VectorsTest, HadamardHasTheBitsOfPortable) {
  for (int64_t n = 32; n <= 1024; n *= 2) {
    std::vector<float> x = RandomMagnitudes(n, -20, 20);
    std::vector<float> want = x;
    tier().hadamard(x.data(), n);
    portable().hadamard(want.data(), n);
    EXPECT_EQ(Bits(x), Bits(want)) << n;
  }
}

TEST(Portable, HadamardIsItsOwnInverseAndSylvesters) {
  std::vector<float> x(64);
  x[3] = 8;
  PortableKernels().hadamard(x.data(), 64);
  // Row 3 of the Sylvester matrix has the sign of the parity of 3 & column.
  for (unsigned i = 0; i < 64; ++i)
    EXPECT_EQ(x[i], __builtin_popcount(3 & i) % 2 != 0 ? -1.0f : 1.0f);
  PortableKernels().hadamard(x.data(), 64);
  for (size_t i = 0; i < 64; ++i) EXPECT_EQ(x[i], i == 3 ? 8.0f : 0.0f);
}

}  // namespace
}  // namespace fathom::kernels
