#include "gateway/cli/topology_report.h"

#include <algorithm>

#include "topology/analysis.h"

namespace regent::cli {
namespace {

constexpr std::size_t kNameWidth = 26;
constexpr std::size_t kShown = 5;  // sets or names in one line

std::string joined(const std::vector<std::string>& words, const std::string& between) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : between) + word;
  return out;
}

std::string plural(std::uint64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

std::string line(const std::string& title, const std::string& text) {
  return column("  " + title, kNameWidth + 2) + text + "\n";
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

// One group or node a line: its weight, what share of its group that is, and what a group needs.
void add_tree(const Explanation& item, std::uint64_t of, std::size_t depth, std::string& out) {
  std::string line = column(std::string(2 * depth + 2, ' ') + item.name, kNameWidth + 2);
  if (depth > 0) {
    line += column(std::to_string(item.own_weight), 9) + column(bar(item.own_weight, of, 10), 12);
  } else {
    line += std::string(21, ' ');
  }
  if (item.leaf == kNoNode) {
    line += "needs " + std::to_string(item.needed) + " of " + std::to_string(item.total);
  }
  line.resize(line.find_last_not_of(' ') + 1);
  out += line + "\n";
  for (const Explanation& child : item.children) add_tree(child, item.total, depth + 1, out);
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

// "2 of them: eu + us-east; eu + us-west; …"
std::string sets_text(const NamedSets& sets, const std::string& noun) {
  std::vector<std::string> words;
  for (const std::vector<std::string>& set : sets.examples) {
    if (words.size() == (sets.size > kShown ? 1 : kShown)) break;
    words.push_back(joined(set, " + "));
  }
  const bool all = sets.count == words.size();
  std::string out = plural(sets.size, noun);
  if (!all && sets.count) out += ", " + std::to_string(*sets.count) + " such sets";
  if (!all && !sets.count) out += ", too many such sets to count";
  return out + (all ? ": " : ", such as ") + joined(words, "; ") + (all ? "" : "; …");
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
  out += line("any single region", losses_text(survival.regions));
  if (report.topology().regions.size() > 2) {
    out += line("any two regions", pairs_text(survival));
  }
  if (has_zones(report.topology())) out += line("any single zone", losses_text(survival.zones));
  out += line("any single node", losses_text(survival.nodes));
  const std::size_t fatal = losses.fatal_nodes();
  const std::size_t anywhere = fatal - std::min<std::size_t>(fatal, 1);
  if (anywhere > 1) out += line("any " + std::to_string(anywhere) + " nodes", "yes");
  out += line("one node in each region",
              survival.one_in_each ? losses_text({*survival.one_in_each}) : "yes");
  return out;
}

std::string smallest_text(const CheckReport& report) {
  const Survival& survival = report.survival;
  const Losses& losses = survival.losses;
  std::string out = "Smallest sets that stop decisions when lost\n";
  out += line("regions", sets_text(losses.regions, "region"));
  out += line("nodes", sets_text(losses.nodes, "node"));
  if (losses.leading_regions.size <= losses.regions.size) {
    out += line("leave nobody to lead", sets_text(losses.leading_regions, "region"));
  }
  if (losses.leading_nodes.size <= losses.nodes.size) {
    out += line("leave nobody to lead", sets_text(losses.leading_nodes, "node"));
  }
  out += "\nSmallest sets that decide alone\n";
  if (survival.winning_regions) {
    out += line("regions", sets_text(*survival.winning_regions, "region"));
  }
  if (survival.winning_nodes) out += line("nodes", sets_text(*survival.winning_nodes, "node"));
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

CheckReport::CheckReport(const LoadedTopology& file)
    : loaded(file), survival(survival_of(file.topology)), flaws(flaws_of(file.topology)) {}

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
  out += "\n" + column("Tree", kNameWidth + 2) + "WEIGHT\n";
  add_tree(Explanation::of(topology.tree, ballot_without(topology, {})), 0, 0, out);
  for (const std::string& part :
       {order_text(topology), survival_text(report), smallest_text(report), flaws_text(report),
        warnings_text(report)}) {
    out += "\n" + part;
  }
  return out;
}

}  // namespace regent::cli
