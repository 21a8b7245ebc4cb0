#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "quorum/lease.h"
#include "quorum/types.h"

// What is searched: the size of the cluster, the bounds, and the deliberate flaw, if any.
namespace regent::exhaustive {

inline constexpr unsigned kNodes = 3;        // of regions a, b and the witness w, one each
inline constexpr unsigned kMaxGateways = 4;  // two of region a, then two of region b

// Defects put around the real objects, to see that the search finds them.
enum class Flaw : std::uint8_t {
  none,
  unsynced,   // a crash loses what the node wrote
  no_wait,    // a node forgets at a restart that it may have promised
  no_drift,   // nodes promise as if all clocks ran alike
  receipt,    // gateways count their leases from the last answer
  sibling,    // a release frees the promises to all gateways of its region
  ask_again,  // a gateway asks again in an epoch that it gave back
  half,       // half of the weight wins
};

struct Setup {
  unsigned lease_ticks = 2;  // of true time that a full lease lasts; the first ask wants one tick
  unsigned epochs = 3;
  std::array<unsigned, 2> gateways{2, 1};  // lives of gateways of regions a and b, two at most each
  std::array<std::uint64_t, kNodes> weights{1, 1, 1};  // of the regions
  // In one tick every gateway's clock counts 1 - d and every node's 1 + d: the worst the bound
  // allows. A large d makes the two differ within few ticks.
  DriftBound drift{500'000};
  Flaw flaw = Flaw::none;
  // Look for two regions with leases at one instant, and for nothing else.
  bool regions_only = false;

  Duration gateway_tick() const { return Duration(1'000'000 - std::int64_t{drift.ppm}); }
  Duration node_tick() const { return Duration(1'000'000 + std::int64_t{drift.ppm}); }
  Duration window() const { return gateway_tick(); }
  Duration lease() const { return gateway_tick() * lease_ticks; }

  unsigned gateway_count() const { return gateways[0] + gateways[1]; }
  static Incarnation incarnation(unsigned gateway) { return Incarnation{gateway + 1}; }
  RegionId region(unsigned gateway) const {
    return RegionId{static_cast<std::uint16_t>(gateway < gateways[0] ? 0 : 1)};
  }
  std::string gateway_name(unsigned gateway) const {
    return gateway < gateways[0] ? "a/g" + std::to_string(gateway + 1)
                                 : "b/g" + std::to_string(gateway - gateways[0] + 1);
  }
};

// A renaming of gateways and regions under which the rules are the same.
struct Renaming {
  std::array<std::uint8_t, kMaxGateways> gateway{0, 1, 2, 3};
  bool swap_regions = false;

  RegionId region(RegionId region) const {
    return swap_regions && region != kNoRegion
               ? RegionId{static_cast<std::uint16_t>(1 - region.value)}
               : region;
  }
};

// All of them but the identity: siblings change places, and the regions when they have equally
// many gateways.
std::vector<Renaming> renamings(const Setup& setup);

}  // namespace regent::exhaustive
