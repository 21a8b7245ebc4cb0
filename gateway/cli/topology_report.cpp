#include "gateway/cli/topology_report.h"

#include <algorithm>
#include <cstdio>

#include "topology/analysis.h"

namespace regent::cli {
namespace {

constexpr std::size_t kNameWidth = 26;
constexpr std::size_t kShown = 5;       // losses in one line
constexpr std::size_t kShownNames = 8;  // in one line of sets

std::string plural(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string header(const Topology& topology) {
  return "cluster    " + topology.cluster + "\n" +                    //
         "version    " + std::to_string(topology.version) + "\n" +    //
         "hash       " + topology.hash + "\n" +                       //
         "votes      " + topology.quorum_hash + "\n" +                //
         "quorum     " + kind_name(topology.kind) + " over " +        //
         plural(topology.regions.size(), "region") + ", " +           //
         plural(topology.nodes.size(), "node") + "; " +               //
         plural(topology.gateways.size(), "gateway") + ", " +         //
         plural(topology.services.size(), "service") + "\n";
}

std::string percent(double share) {
  char text[16];
  std::snprintf(text, sizeof text, "%5.1f %%", 100 * share);
  return text;
}

// Weight and its share of the group, and the power of a voter.
std::string voter_line(const std::string& name, std::uint64_t weight, std::uint64_t of,
                       const std::string& power) {
  return column("  " + name, kNameWidth + 2) + column(std::to_string(weight), 9) +
         column(bar(weight, of, 10), 12) + power;
}

// One group or node a line. The power of a node is in the whole vote; so is that of a region, among
// the regions.
void add_tree(const CheckReport& report, const Explanation& item, std::uint64_t of,
              std::size_t depth, std::string& out) {
  const Power& power = report.power;
  const bool hierarchical = report.topology().kind == QuorumKind::hierarchical;
  std::string line = column("  " + item.name, kNameWidth + 23);
  if (depth > 0) {
    std::string voice;
    if (item.leaf != kNoNode) voice = percent(power.nodes[item.leaf.value].index);
    if (depth == 1 && hierarchical) {
      voice = percent(power.regions[report.topology().find_region(item.name)->value].index);
    }
    line = voter_line(std::string(2 * depth, ' ') + item.name, item.own_weight, of, voice);
  }
  if (item.leaf == kNoNode) {
    line = column(line, kNameWidth + 33) + "needs " + std::to_string(item.needed) + " of " +
           std::to_string(item.total);
  }
  line.resize(line.find_last_not_of(' ') + 1);
  out += line + "\n";
  for (const Explanation& child : item.children) {
    add_tree(report, child, item.total, depth + 1, out);
  }
}

// In the flat kinds regions are no groups of the tree, but what is lost together.
std::string regions_text(const CheckReport& report) {
  std::uint64_t total = 0;
  for (const Voice& voice : report.power.regions) total += voice.weight;
  std::string out = "Regions, their nodes together\n";
  for (const Voice& voice : report.power.regions) {
    out += voter_line(voice.name, voice.weight, total,
                      percent(voice.index)) + "\n";
  }
  return out;
}

std::string order_text(const Topology& topology) {
  std::string out = "May be primary, in this order\n";
  std::size_t place = 0;
  for (const RegionId id : standing_order(topology)) {
    const TopologyRegion& region = topology.region(id);
    out += "  " + std::to_string(++place) + ". " + region.name + " (priority " +
           std::to_string(region.priority) + ")\n";
  }
  return out;
}

std::string losses_text(const std::vector<FatalLoss>& losses) {
  if (losses.empty()) return "yes";
  std::vector<std::string> words;
  for (const FatalLoss& loss : losses) {
    if (words.size() == kShown) break;
    words.push_back(loss.name + (loss.quorum_lost ? "" : " (nobody left who may be primary)"));
  }
  std::string out = "no: " + joined(words, ", ");
  if (losses.size() > kShown) out += " and " + std::to_string(losses.size() - kShown) + " more";
  return out;
}

bool has_zones(const Topology& topology) {
  return std::any_of(topology.regions.begin(), topology.regions.end(),
                     [](const TopologyRegion& region) { return !region.zones.empty(); });
}

std::string pairs_text(const Survival& survival) {
  if (!survival.pairs.empty()) return losses_text(survival.pairs);
  if (survival.losses.fatal_regions() > 2) return "yes";
  if (!survival.pairs_listed) return "no";
  return survival.regions.empty() ? "yes" : "no pair with one of these";
}

std::string survival_text(const CheckReport& report) {
  const Survival& survival = report.survival;
  const Losses& losses = survival.losses;
  std::string out = "Survives the loss of\n";
  out += titled("any single region", losses_text(survival.regions));
  if (report.topology().regions.size() > 2) {
    out += titled("any two regions", pairs_text(survival));
  }
  if (has_zones(report.topology())) out += titled("any single zone", losses_text(survival.zones));
  out += titled("any single node", losses_text(survival.nodes));
  const std::size_t fatal = losses.fatal_nodes();
  const std::size_t anywhere = fatal - std::min<std::size_t>(fatal, 1);
  if (anywhere > 1) out += titled("any " + std::to_string(anywhere) + " nodes", "yes");
  out += titled("one node in each region",
              survival.one_in_each ? losses_text({*survival.one_in_each}) : "yes");
  return out;
}

std::string smallest_text(const CheckReport& report) {
  const Survival& survival = report.survival;
  const Losses& losses = survival.losses;
  std::string out = "Smallest sets that stop decisions when lost\n";
  out += titled("regions", sets_text(losses.regions, "region"));
  out += titled("nodes", sets_text(losses.nodes, "node"));
  if (losses.leading_regions.size <= losses.regions.size) {
    out += titled("leave nobody to lead", sets_text(losses.leading_regions, "region"));
  }
  if (losses.leading_nodes.size <= losses.nodes.size) {
    out += titled("leave nobody to lead", sets_text(losses.leading_nodes, "node"));
  }
  out += "\nSmallest sets that decide alone\n";
  if (survival.winning_regions) {
    out += titled("regions", sets_text(*survival.winning_regions, "region"));
  }
  if (survival.winning_nodes) out += titled("nodes", sets_text(*survival.winning_nodes, "node"));
  return out;
}

std::string flaws_text(const CheckReport& report) {
  std::string out = "Findings\n";
  if (report.flaws.empty()) out += "  none\n";
  for (const Flaw& flaw : report.flaws) {
    out += "  " + flaw.name + " " + flaw.text + "; " + flaw.mend + ".\n";
  }
  return out;
}

// Of the file, but for those that stand under the findings with a name.
std::string warnings_text(const CheckReport& report) {
  std::string out = "Warnings\n";
  bool any = false;
  for (const Finding& warning : report.loaded.warnings) {
    const bool told = std::any_of(report.flaws.begin(), report.flaws.end(), [&](const Flaw& flaw) {
      return warning.path == flaw.path && warning.text == warning_text(flaw);
    });
    if (told) continue;
    any = true;
    out += "  " + warning.message() + "\n";
  }
  return any ? out : out + "  none\n";
}

}  // namespace

CheckReport::CheckReport(const LoadedTopology& file, const Failures& assumed,
                         const RoundTrips& trips)
    : loaded(file),
      survival(survival_of(file.topology)),
      flaws(flaws_of(file.topology)),
      power(power_of(file.topology)),
      failures(assumed),
      unavailability(unavailability_of(file.topology, failures)),
      as_plain_majority(file.topology.kind == QuorumKind::majority
                            ? unavailability
                            : unavailability_of(as_majority(file.topology), failures)),
      round_trips_given(trips.given),
      timing(timing_advice(file.topology, trips)) {}

std::string sets_text(const NamedSets& sets, const std::string& noun) {
  const std::size_t size = std::max<std::size_t>(1, sets.size);
  const std::size_t shown = std::max<std::size_t>(1, kShownNames / size);
  std::vector<std::string> words;
  for (const std::vector<std::string>& set : sets.examples) {
    if (words.size() == shown) break;
    words.push_back(joined(set, " + "));
  }
  const bool all = sets.count == words.size();
  std::string out = plural(sets.size, noun);
  if (!all && sets.count) out += ", " + std::to_string(*sets.count) + " such sets";
  if (!all && !sets.count) out += ", too many such sets to count";
  return out + (all ? ": " : ", such as ") + joined(words, "; ") + (all ? "" : "; …");
}

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : between) + word;
  return out;
}

std::string titled(const std::string& title, const std::string& text) {
  return column("  " + title, kNameWidth + 2) + text + "\n";
}

std::string column(std::string text, std::size_t width) {
  text.resize(std::max(text.size() + 1, width), ' ');
  return text;
}

std::string bar(std::uint64_t done, std::uint64_t all, std::size_t width) {
  if (done == 0 || all == 0) return "";
  const auto length = static_cast<std::size_t>(static_cast<double>(done) /
                                                   static_cast<double>(all) *
                                                   static_cast<double>(width) +
                                               0.5);
  return std::string(std::clamp<std::size_t>(length, 1, width), '#');
}

std::string check_text(const CheckReport& report) {
  const Topology& topology = report.topology();
  std::string out = header(topology);
  out += "\n" + column("Tree", kNameWidth + 2) + column("WEIGHT", 22) + "POWER\n";
  const Turnout all(topology);
  add_tree(report, all.tree(), 0, 0, out);
  if (topology.kind != QuorumKind::hierarchical) out += "\n" + regions_text(report);
  if (!report.power.exact) {
    out += "  Power is from " + std::to_string(kPowerDraws) +
           " draws: the weights have too many sums to add them up.\n";
  }
  for (const std::string& part :
       {order_text(topology), survival_text(report), smallest_text(report), flaws_text(report),
        availability_text(report), timing_text(report), warnings_text(report)}) {
    out += "\n" + part;
  }
  return out;
}

}  // namespace regent::cli
