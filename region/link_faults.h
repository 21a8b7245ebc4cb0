#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "quorum/types.h"
#include "topology/topology.h"

namespace regent {

// Which regions this process is cut off from, for a drill. What is dropped is lost like on a broken
// link: nothing is told about it, and the protocol has to cope. Only what gateways tell each other
// about the drill itself gets through (DrillNotice). Each cut ends by itself at its instant,
// whatever becomes of whoever ordered it. One writer; any thread reads, without a lock.
class LinkFaults {
 public:
  explicit LinkFaults(const Topology& topology)
      : to_(topology.regions.size()),
        from_(to_.size()),
        slow_(to_.size()),
        nodes_(topology.nodes.size()) {}

  // Cuts the one direction, or both, until then. Replaces what was ordered for the region before.
  void cut_to(RegionId region, Instant until) { set(to_, region.value, until); }
  void cut_from(RegionId region, Instant until) { set(from_, region.value, until); }
  // Cuts off one node, both ways.
  void cut_node(NodeId node, Instant until) { set(nodes_, node.value, until); }
  // Holds back what is sent to the region for so long.
  void delay_to(RegionId region, Duration delay, Instant until) {
    delay_.store(delay.count(), std::memory_order_relaxed);
    set(slow_, region.value, until);
  }
  void heal();

  // Whether what is sent to the region, or comes from there, is dropped at present.
  bool drops_to(RegionId region) const { return runs(to_, region.value); }
  bool drops_from(RegionId region) const { return runs(from_, region.value); }
  bool drops_node(NodeId node) const { return runs(nodes_, node.value); }
  // A connection lives on both directions.
  bool cuts(RegionId region) const { return drops_to(region) || drops_from(region); }
  // Zero: none.
  Duration delay_to(RegionId region) const {
    return runs(slow_, region.value) ? Duration(delay_.load(std::memory_order_relaxed))
                                     : Duration::zero();
  }

 private:
  // By region or node: when it ends, in nanoseconds of the clock; 0: there is none.
  using Ends = std::vector<std::atomic<std::int64_t>>;
  static void set(Ends& ends, std::size_t at, Instant until);
  static bool runs(const Ends& ends, std::size_t at);

  Ends to_;
  Ends from_;
  Ends slow_;
  Ends nodes_;
  std::atomic<std::int64_t> delay_ = 0;
};

}  // namespace regent
