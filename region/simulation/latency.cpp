#include "region/simulation/latency.h"

#include <algorithm>
#include <array>

#include "quorum/check.h"

namespace regent::simulation {
namespace {

constexpr std::array<const char*, kSites> kNames = {
    "virginia", "california", "oregon",    "ireland", "frankfurt",
    "tokyo",    "seoul",      "singapore", "sydney",  "sao-paulo"};

// Row by row, to the sites that come later; tenths of a millisecond.
constexpr std::array<std::uint16_t, kSites*(kSites - 1) / 2> kTenths = {
    727,  870,  806,  887,  1453, 1784, 2167, 2300, 1195,  // virginia
    195,  1532, 1666, 1025, 1315, 1740, 1575, 1927,        // california
    1370, 1595, 891,  1183, 1614, 1622, 1827,              // oregon
    196,  2124, 2424, 2390, 3096, 1913,                    // ireland
    2365, 2662, 3259, 3235, 1949,                          // frankfurt
    314,  738,  1039, 2568,                                // tokyo
    719,  1340, 2863,                                      // seoul
    1753, 3281,                                            // singapore
    3225};                                                 // sydney

}  // namespace

const char* site_name(std::uint16_t site) {
  return kNames.at(site);
}

Duration round_trip(std::uint16_t a, std::uint16_t b) {
  CHECK(a < kSites && b < kSites);
  if (a == b) return Duration::zero();
  const std::size_t low = std::min(a, b);
  const std::size_t high = std::max(a, b);
  const std::size_t row = low * (2 * kSites - low - 1) / 2;
  return std::chrono::microseconds(100) * kTenths[row + high - low - 1];
}

}  // namespace regent::simulation
