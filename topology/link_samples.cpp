#include "topology/link_samples.h"

#include <algorithm>
#include <map>

namespace regent {
namespace {

class Samples {
 public:
  Samples(const std::vector<RegionChances>& regions, std::uint64_t needed, const LinkShares& down)
      : regions_(regions),
        needed_(needed),
        down_(down),
        bound_(regions, needed, down, LinkBound::Judges::few),
        standing_(regions.size()),
        up_(regions.size(), std::vector<bool>(regions.size(), true)) {}

  SampledShare run() {
    if (bound_.all() == 0) return {};
    std::size_t cut = 0;
    const std::size_t samples = link_samples(regions_.size());
    for (std::size_t i = 0; i < samples; ++i) {
      const LinkBound::Beginning end = draw_regions();
      if (end.weight < needed_) continue;
      links_of(end.leaders).draw(bound_.spare_at(end), random_, up_);
      cut += nobody_is_primary() ? 1 : 0;
    }
    const SampledShare share = sampled_share(cut, samples);
    const double all = bound_.all();
    return {{all * share.bounds.least, all * share.bounds.most}, all * share.guess};
  }

 private:
  // What each region brings, drawn as it contributes to the bound.
  LinkBound::Beginning draw_regions() {
    LinkBound::Beginning begin;
    while (begin.place < regions_.size()) {
      const std::size_t region = bound_.region_at(begin.place);
      double left = bound_.rest(begin) * draw_share(random_);
      const RegionState* drawn = nullptr;
      for (const RegionState& state : regions_[region]) {
        const double share = state.probability * bound_.rest(bound_.with(begin, state));
        if (share == 0) continue;
        drawn = &state;
        if ((left -= share) < 0) break;
      }
      standing_[region] = drawn;
      begin = bound_.with(begin, *drawn);
    }
    return begin;
  }

  const JudgedLinks& links_of(LinkBound::Leaders leaders) {
    const auto found = links_.find(leaders);
    if (found != links_.end()) return found->second;
    return links_.try_emplace(leaders, bound_.judges(leaders), down_).first->second;
  }

  // Though somebody could be, if all links were up.
  bool nobody_is_primary() const {
    bool somebody_leads = false;
    for (std::size_t i = 0; i < regions_.size(); ++i) {
      if (!standing_[i]->leads) continue;
      somebody_leads = true;
      std::uint64_t gathered = standing_[i]->weight;
      for (std::size_t k = 0; k < regions_.size(); ++k) {
        if (k != i && up_[i][k]) gathered += standing_[k]->weight;
      }
      if (gathered >= needed_) return false;
    }
    return somebody_leads;
  }

  const std::vector<RegionChances>& regions_;
  const std::uint64_t needed_;
  const LinkShares& down_;
  const LinkBound bound_;
  Random random_;
  std::vector<const RegionState*> standing_;  // by region
  JudgedLinks::Links up_;
  std::map<LinkBound::Leaders, JudgedLinks> links_;
};

}  // namespace

std::size_t link_samples(std::size_t regions) {
  const std::size_t links = regions * (regions - std::min<std::size_t>(regions, 1)) / 2;
  return std::clamp(kMaxDrawnLinks / std::max<std::size_t>(links, 1), kFewestLinkSamples,
                    kLinkSamples);
}

SampledShare sampled_cut_share(const std::vector<RegionChances>& regions, std::uint64_t needed,
                               const LinkShares& down) {
  return Samples(regions, needed, down).run();
}

}  // namespace regent
