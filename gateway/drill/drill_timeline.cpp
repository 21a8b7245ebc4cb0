// The lanes of a drill's picture, and the tables that say the same in words.

#include <algorithm>
#include <set>

#include "gateway/drill/drill_picture.h"
#include "gateway/drill/drill_report.h"

namespace regent {
namespace {

constexpr double kBar = 16;
constexpr double kLease = 18;
constexpr std::size_t kStyles = 7;
constexpr std::size_t kLeaseColumns = 400;  // at most, of a region
constexpr std::size_t kMaxLinkLanes = 12;
constexpr double kHeld = 0.3;  // a write that takes longer has waited for a primary
// The same sums at two gateways are one change when they come within this.
constexpr double kSameChange = 0.5;

using Samples = std::vector<const GatewaySample*>;

std::string name_of(const GatewaySample& sample) {
  return sample.region + "." + sample.gateway;
}

std::map<std::string, Samples> by_gateway(const DrillRecord& record) {
  std::map<std::string, Samples> out;
  for (const GatewaySample& sample : record.samples) out[name_of(sample)].push_back(&sample);
  return out;
}

// Calls draw(first, until) for each run of samples that `same` cannot tell apart.
template <typename Same, typename Draw>
void each_run(const Samples& samples, double end, const Same& same, const Draw& draw) {
  for (std::size_t i = 0; i < samples.size();) {
    std::size_t next = i + 1;
    while (next < samples.size() && same(*samples[i], *samples[next])) ++next;
    draw(*samples[i], next < samples.size() ? samples[next]->at : end);
    i = next;
  }
}

std::string sums_text(const GatewaySample& sample) {
  return std::to_string(sample.weight) + " of " + std::to_string(sample.total) + ", needs " +
         std::to_string(sample.needed);
}

// As high as what was left of the lease, from each sample to the next.
void draw_lease(Picture& picture, const DrillRecord& record, const std::string& region,
                const std::string& style) {
  picture.lane("lease left: " + region, kLease);
  Samples serving;
  for (const GatewaySample& sample : record.samples) {
    if (sample.region == region && sample.serving) serving.push_back(&sample);
  }
  std::ranges::stable_sort(serving, {}, &GatewaySample::at);
  const double lease = std::chrono::duration<double, std::milli>(record.lease).count();
  const std::size_t stride = serving.size() / kLeaseColumns + 1;
  for (std::size_t i = 0; i < serving.size(); i += stride) {
    const GatewaySample& sample = *serving[i];
    const double end = std::min(record.length, sample.at + sample.lease_ms / 1000);
    const double next = i + stride < serving.size() ? serving[i + stride]->at : end;
    const double left = std::clamp(sample.lease_ms / std::max(lease, 1.0), 0.0, 1.0);
    picture.bar(sample.at, std::min(next, end), std::max(1.0, left * kLease), style,
                fixed(sample.lease_ms, 0) + " ms left at " + seconds_text(sample.at));
  }
}

void draw_reigns(Picture& picture, const DrillRecord& record,
                 const std::map<std::string, std::string>& styles) {
  const std::vector<ReignSpan> all = reigns(record);
  for (const auto& [region, style] : styles) {
    const auto of_region = [&](const ReignSpan& reign) { return reign.region == region; };
    if (std::ranges::none_of(all, of_region)) continue;
    picture.lane("primary: " + region, kBar);
    for (const ReignSpan& reign : all) {
      if (!of_region(reign)) continue;
      picture.bar(reign.from, reign.until, kBar, style,
                  region + " is primary in epoch " + std::to_string(reign.epoch) + ", from " +
                      seconds_text(reign.from) + " to " + seconds_text(reign.until),
                  "epoch " + std::to_string(reign.epoch));
    }
    draw_lease(picture, record, region, style);
  }
}

void draw_actions(Picture& picture, const DrillRecord& record) {
  std::vector<std::string> texts;  // in the order they came
  for (const DrillAction& action : record.actions) {
    if (std::ranges::count(texts, action.text) == 0) texts.push_back(action.text);
    picture.mark(action.from);
    picture.mark(action.until);
  }
  for (const std::string& text : texts) {
    picture.lane(text, kBar);
    for (const DrillAction& action : record.actions) {
      if (action.text != text) continue;
      picture.bar(action.from, action.until, kBar, "fault",
                  text + ", from " + seconds_text(action.from) + " to " +
                      seconds_text(action.until),
                  fixed(action.until - action.from) + " s");
    }
  }
}

std::string link_state(const GatewaySample& sample, const std::string& to) {
  if (!sample.answered) return "not known";
  for (const auto& [name, state] : sample.links) {
    if (name == to) return state;
  }
  return "not known";
}

void draw_link(Picture& picture, const DrillRecord& record, const Samples& samples,
               const std::string& to) {
  picture.lane("link: " + name_of(*samples.front()) + " to " + to, kBar);
  each_run(
      samples, record.length,
      [&](const GatewaySample& a, const GatewaySample& b) {
        return link_state(a, to) == link_state(b, to);
      },
      [&](const GatewaySample& sample, double until) {
        const std::string state = link_state(sample, to);
        const bool up = state == "up";
        const std::string style = up                ? "up"
                                  : state == "down" ? "down"
                                  : state == "slow" || state == "one-way" ? "hurt"
                                                                          : "unseen";
        picture.bar(sample.at, until, up ? 5 : kBar, style,
                    state + ", from " + seconds_text(sample.at) + " to " + seconds_text(until),
                    up ? "" : state);
      });
}

// Only links that were not up all the time have a lane.
void draw_links(Picture& picture, const DrillRecord& record) {
  std::size_t whole = 0;
  std::size_t drawn = 0;
  std::size_t left_out = 0;
  for (const auto& [gateway, samples] : by_gateway(record)) {
    std::set<std::string> others;
    for (const GatewaySample* sample : samples) {
      for (const auto& [to, state] : sample->links) others.insert(to);
    }
    for (const std::string& to : others) {
      const bool up = std::ranges::all_of(samples, [&](const GatewaySample* sample) {
        return link_state(*sample, to) == "up";
      });
      if (up) {
        ++whole;
      } else if (drawn < kMaxLinkLanes) {
        ++drawn;
        draw_link(picture, record, samples, to);
      } else {
        ++left_out;
      }
    }
  }
  if (whole > 0) {
    picture.lane((drawn > 0 ? "other links, up: " : "all links, up: ") + std::to_string(whole), 5);
    picture.bar(0, record.length, 5, "up", "up all the time");
  }
  if (left_out > 0) picture.lane("further links, not shown: " + std::to_string(left_out), 1);
}

void draw_quorum(Picture& picture, const DrillRecord& record) {
  for (const auto& [gateway, samples] : by_gateway(record)) {
    picture.lane("quorum at " + gateway, kBar);
    each_run(
        samples, record.length,
        [](const GatewaySample& a, const GatewaySample& b) {
          return a.answered == b.answered && a.won == b.won && a.weight == b.weight;
        },
        [&](const GatewaySample& sample, double until) {
          const std::string text = sample.answered ? sums_text(sample) : "no answer";
          picture.bar(sample.at, until, kBar,
                      !sample.answered ? "unseen"
                      : sample.won     ? "won"
                                       : "down",
                      text + (sample.answered ? sample.won ? ": won" : ": not won" : ""), text);
        });
  }
}

std::string answer_text(const ProbeAnswer& probe) {
  switch (probe.outcome()) {
    case ProbeAnswer::Outcome::taken:
      return "taken by " + probe.served_by + " in epoch " + std::to_string(probe.epoch);
    case ProbeAnswer::Outcome::refused:
      return "refused with " + std::to_string(probe.code);
    case ProbeAnswer::Outcome::unknown:
      return "not known whether it was taken";
    case ProbeAnswer::Outcome::failed:
      break;
  }
  return "no answer";
}

// Writes that were taken one after the other are one bar.
void draw_writes(Picture& picture, const std::string& gateway,
                 const std::vector<const ProbeAnswer*>& probes,
                 const std::map<std::string, std::string>& styles) {
  static constexpr const char* kLooks[] = {"", "refused", "unknown", "failed"};
  picture.lane("writes through " + gateway, kBar);
  const auto held = [](const ProbeAnswer& probe) { return probe.answered - probe.sent > kHeld; };
  for (std::size_t i = 0; i < probes.size();) {
    const ProbeAnswer& first = *probes[i];
    const auto outcome = first.outcome();
    std::size_t next = i + 1;
    while (next < probes.size() && !held(first) && !held(*probes[next]) &&
           probes[next]->outcome() == outcome && probes[next]->served_by == first.served_by) {
      ++next;
    }
    const auto style = styles.find(first.served_by);
    const bool taken = outcome == ProbeAnswer::Outcome::taken;
    std::string look = kLooks[static_cast<std::size_t>(outcome)];
    if (taken) look = style == styles.end() ? "won" : style->second;
    picture.bar(first.sent, probes[next - 1]->answered, taken ? kBar : kBar - 4,
                look + (held(first) ? " held" : ""),
                std::to_string(next - i) + (next - i == 1 ? " write, " : " writes, ") +
                    answer_text(first) + (held(first) ? " after waiting for a primary" : ""));
    i = next;
  }
}

}  // namespace

std::map<std::string, std::string> region_styles(const DrillRecord& record) {
  std::set<std::string> regions;
  for (const GatewaySample& sample : record.samples) regions.insert(sample.region);
  for (const ProbeAnswer& probe : record.probes) regions.insert(probe.region);
  std::map<std::string, std::string> styles;
  for (const std::string& region : regions) {
    styles.emplace(region, "r" + std::to_string(styles.size() % kStyles));
  }
  return styles;
}

std::vector<ReignSpan> reigns(const DrillRecord& record) {
  std::vector<ReignSpan> out;
  std::map<std::string, Samples> by_region;
  for (const GatewaySample& sample : record.samples) by_region[sample.region].push_back(&sample);
  for (auto& [region, samples] : by_region) {
    std::ranges::stable_sort(samples, {}, &GatewaySample::at);
    for (const GatewaySample* sample : samples) {
      if (!sample->serving) continue;
      const bool goes_on = !out.empty() && out.back().region == region &&
                           out.back().epoch == sample->epoch;
      if (!goes_on) out.push_back({region, sample->epoch, sample->at, 0, 0});
      out.back().seen = sample->at;
      // It says itself how long its lease runs; a renewal makes it longer.
      out.back().until = std::min(record.length, sample->at + sample->lease_ms / 1000);
    }
  }
  for (ReignSpan& reign : out) {
    for (const ProbeAnswer& probe : record.probes) {
      const bool its = probe.acknowledged() && probe.served_by == reign.region;
      if (its && probe.epoch == reign.epoch) reign.from = std::min(reign.from, probe.answered);
    }
  }
  std::ranges::stable_sort(out, {}, &ReignSpan::from);
  // A lease that was given back ended before the next one began. What was seen stays as seen.
  for (std::size_t i = 0; i + 1 < out.size(); ++i) {
    out[i].until = std::max(out[i].seen, std::min(out[i].until, out[i + 1].from));
  }
  return out;
}

std::vector<SumsRow> sums_rows(const DrillRecord& record) {
  std::vector<SumsRow> rows;
  for (const auto& [gateway, samples] : by_gateway(record)) {
    each_run(
        samples, record.length,
        [](const GatewaySample& a, const GatewaySample& b) {
          return a.answered == b.answered && a.sums == b.sums && a.won == b.won;
        },
        [&](const GatewaySample& sample, double) {
          rows.push_back({sample.at, gateway, &sample});
        });
  }
  std::ranges::stable_sort(rows, {}, &SumsRow::at);
  std::vector<SumsRow> merged;
  for (const SumsRow& row : rows) {
    const auto same = std::ranges::find_if(merged, [&](const SumsRow& earlier) {
      return row.at - earlier.at < kSameChange && row.sample->sums == earlier.sample->sums &&
             row.sample->won == earlier.sample->won &&
             row.sample->answered == earlier.sample->answered;
    });
    if (same == merged.end()) {
      merged.push_back(row);
    } else {
      same->seen_by += ", " + row.seen_by;
    }
  }
  return merged;
}

std::string drill_timeline(const DrillRecord& record) {
  Picture picture(record.length);
  const auto styles = region_styles(record);
  draw_actions(picture, record);
  draw_reigns(picture, record, styles);
  std::map<std::string, std::vector<const ProbeAnswer*>> probes;
  for (const ProbeAnswer& probe : record.probes) {
    probes[probe.region + "." + probe.gateway].push_back(&probe);
  }
  for (auto& [gateway, answers] : probes) {
    std::ranges::stable_sort(answers, {}, [](const ProbeAnswer* probe) { return probe->sent; });
    draw_writes(picture, gateway, answers, styles);
  }
  draw_links(picture, record);
  draw_quorum(picture, record);
  return picture.finish(
      "What happened when",
      "Lanes over time: what the drill did, who was primary and how much of the lease was left, "
      "the writes through each gateway, links that were not up, and the quorum as each gateway "
      "saw it. The tables below say the same in words.");
}

}  // namespace regent
