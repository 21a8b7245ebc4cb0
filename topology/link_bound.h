#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "topology/judged_links.h"
#include "topology/region_chances.h"

namespace regent {

// At most how much of the time the regions would win the vote with perfect links, and do not with
// those they have. Internal to the analysis of availability.
//
// In the sums of weights (rounded down to one of kMaxLevels) it counts how many regions the primary
// can do without; each of the leading regions must have more links down than that, or one of them
// is primary. How likely that is for all of them is worked out as far as kMaxBoundSteps go, and
// where `few` are asked for, only for the kMostJudges with the best links (JudgedLinks).
//
// Regions are taken in a fixed order, and the bound is known for every beginning of it, so that
// whoever goes through the states of the regions one by one, or draws them, knows what is still to
// be had.
class LinkBound {
 public:
  static constexpr std::size_t kMaxLevels = 1024;
  // More leading regions than this only bring their weight: one can do without their lead.
  static constexpr std::size_t kMostLeaders = 10;
  // Which of the first kMostLeaders lead, as bits of their places among them.
  using Leaders = std::uint32_t;

  static constexpr std::size_t kMaxBoundSteps = 500'000;
  // Of more regions it looks at the links of one judge, not of kMostJudges: what it keeps of them
  // grows by the square of the regions, and by all choices of judges.
  static constexpr std::size_t kManyRegions = 100;
  enum class Judges : std::uint8_t { few, all };

  // All must outlive this.
  LinkBound(const std::vector<RegionChances>& regions, std::uint64_t needed, const LinkShares& down,
            Judges judges);

  // Some of the regions, in the order: what they bring so far.
  struct Beginning {
    std::size_t place = 0;  // in the order: of the next one
    Leaders leaders = 0;
    std::size_t level = 0;  // of their weight, rounded down
    std::uint64_t weight = 0;
  };
  std::size_t region_at(std::size_t place) const { return order_[place]; }
  // Whether the bound tells apart if the region at that place leads.
  bool looks_at_lead(std::size_t place) const { return place >= first_leader_; }
  Beginning with(Beginning beginning, const RegionState& next) const {
    if (next.leads && looks_at_lead(beginning.place)) {
      beginning.leaders |= Leaders{1} << (beginning.place - first_leader_);
    }
    ++beginning.place;
    beginning.level += next.weight / unit_;
    beginning.weight += next.weight;
    return beginning;
  }
  // The bound for everything that begins so, as a share of the time in which it does.
  double rest(const Beginning& beginning) const {
    const std::size_t row = beginning.leaders * widths_[beginning.place];
    return rest_[beginning.place][row + beginning.level];
  }
  double all() const { return rest({}); }

  // Of the leaders, the few whose links the bound looks at: regions.
  std::vector<std::size_t> judges(Leaders leaders) const;
  // How many regions, whichever, a sum of that weight can do without.
  std::size_t spare_at(const Beginning& end) const { return spare(end.level * unit_); }

 private:
  void order_regions();
  RegionChances rounded(const RegionChances& states) const;
  void fill(std::size_t place);
  double at_the_end(Leaders leaders, std::size_t level);
  double all_cut(Leaders leaders, std::size_t spare);
  double new_cut(Leaders leaders, std::size_t spare);
  std::size_t spare(std::uint64_t weight) const;

  const std::vector<RegionChances>& regions_;
  const std::uint64_t needed_;
  const LinkShares& down_;
  std::uint64_t unit_ = 1;
  std::vector<std::uint64_t> most_;  // that a region brings, the heaviest first
  std::vector<std::size_t> order_;   // regions: those whose lead is not looked at, then the leaders
  std::size_t first_leader_ = 0;     // its place in the order
  bool others_may_lead_ = false;
  std::vector<std::size_t> widths_;        // by place: levels that a beginning can have
  std::vector<std::vector<double>> rest_;  // by place, leaders and level
  const Judges looks_at_;
  const std::vector<std::size_t> kinds_;
  std::size_t steps_ = kMaxBoundSteps;
  std::vector<std::vector<double>> cut_;  // by leaders and spare: all_cut()
  // The same by what kinds of regions lead.
  std::map<std::pair<std::vector<std::size_t>, std::size_t>, double> cut_of_kinds_;
  std::map<std::vector<std::size_t>, JudgedLinks> links_;  // by the judges
};

}  // namespace regent
