#include "gateway/cli/status_table.h"

#include <Poco/JSON/Array.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "gateway/duration_text.h"

namespace regent::cli {
namespace {

using Poco::JSON::Array;
using Poco::JSON::Object;

enum class Mood { plain, good, bad, unsure };

// Text padded to a width and then coloured, so that escape codes do not count.
class Painter {
 public:
  explicit Painter(bool colour) : colour_(colour) {}
  std::string paint(const std::string& text, Mood mood) const {
    if (!colour_ || mood == Mood::plain) return text;
    const char* code = mood == Mood::good ? "32" : mood == Mood::bad ? "31" : "33";
    return std::string("\033[") + code + "m" + text + "\033[0m";
  }
  std::string bold(const std::string& text) const {
    return colour_ ? "\033[1m" + text + "\033[0m" : text;
  }

 private:
  bool colour_;
};

struct Cell {
  std::string text;
  Mood mood = Mood::plain;
};

// Left-aligned columns, as wide as their widest cell.
std::string columns(const Painter& painter, const std::vector<std::string>& head,
                    const std::vector<std::vector<Cell>>& rows) {
  std::vector<std::size_t> widths;
  for (const std::string& title : head) widths.push_back(title.size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].text.size());
    }
  }
  const auto line = [&](const auto& cells, const auto& text_of, const auto& paint) {
    std::string out;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::string text = text_of(cells[i]);
      out += paint(cells[i], text);
      if (i + 1 < cells.size()) out += std::string(widths[i] - text.size() + 2, ' ');
    }
    return out + "\n";
  };
  std::string out = line(
      head, [](const std::string& title) { return title; },
      [&](const std::string&, const std::string& text) { return painter.bold(text); });
  for (const auto& row : rows) {
    out += line(
        row, [](const Cell& cell) { return cell.text; },
        [&](const Cell& cell, const std::string& text) { return painter.paint(text, cell.mood); });
  }
  return out;
}

std::string text_at(const Object& object, const std::string& key) {
  return object.isNull(key) ? "" : object.getValue<std::string>(key);
}

template <typename Visit>
void for_each(const Object& object, const std::string& key, const Visit& visit) {
  const Array::Ptr array = object.getArray(key);
  if (array.isNull()) return;
  for (unsigned i = 0; i < array->size(); ++i) {
    if (const Object::Ptr item = array->getObject(i)) visit(*item);
  }
}

std::string milliseconds(const Object& object, const std::string& key) {
  if (object.isNull(key)) return "-";
  const double value = object.getValue<double>(key);
  char text[32];
  std::snprintf(text, sizeof text, value < 10'000 ? "%.1f ms" : "%.0f s",
                value < 10'000 ? value : value / 1000);
  return text;
}

Mood outcome_mood(const std::string& outcome) {
  return outcome == "won" ? Mood::good : outcome == "lost" ? Mood::bad : Mood::unsure;
}

std::string joined(const Object& object, const std::string& key) {
  std::string text;
  const Array::Ptr array = object.getArray(key);
  for (unsigned i = 0; !array.isNull() && i < array->size(); ++i) {
    text += (text.empty() ? "" : ",") + array->getElement<std::string>(i);
  }
  return text;
}

// What the gateway breaks for a drill, and what others are said to.
// What ends a drill sooner.
std::string conditions_text(const Object& faults) {
  std::string out;
  if (faults.has("no_primary_for_ms")) {
    const std::chrono::milliseconds limit(faults.getValue<std::int64_t>("no_primary_for_ms"));
    out += ", or without a primary for " + duration_text(limit);
  }
  if (faults.has("failed_writes")) {
    out += ", or with more than " + text_at(faults, "failed_writes") + " failed writes (" +
           text_at(faults, "failed_writes_so_far") + " so far)";
  }
  return out;
}

std::string faults_text(const Painter& painter, const Object& status) {
  std::string out;
  const Object::Ptr faults = status.getObject("faults");
  if (!faults.isNull() && faults->optValue("running", false)) {
    const std::string drill = text_at(*faults, "drill");
    std::string what;
    for (const auto& [key, word] :
         {std::pair("drop_to", "nothing goes to "), std::pair("drop_from", "nothing comes from "),
          std::pair("delay_to", "late to "), std::pair("drop_nodes", "no node "),
          std::pair("stop", "stopped: "), std::pair("pause", "paused: ")}) {
      const std::string regions = joined(*faults, key);
      if (!regions.empty()) what += std::string(what.empty() ? ": " : "; ") + word + regions;
    }
    if (faults->optValue("drop_redis", false)) {
      what += std::string(what.empty() ? ": " : "; ") + "no Redis";
    }
    out += "\n" + painter.paint("drill " + drill + what, Mood::unsure) + ", ends in " +
           milliseconds(*faults, "ends_in_ms") + conditions_text(*faults);
  }
  for_each(status, "links", [&](const Object& link) {
    const std::string drill = text_at(link, "drill");
    if (drill.empty()) return;
    out += "\n" + painter.paint("drill " + drill, Mood::unsure) + " runs at " +
           text_at(link, "region") + "." + text_at(link, "gateway");
  });
  return out;
}

std::string headline(const Painter& painter, const Object& status, const std::string& source) {
  const std::string primary = text_at(status, "primary");
  std::string out = painter.bold(text_at(status, "cluster")) + ": ";
  if (primary.empty()) {
    out += painter.paint("no primary", Mood::bad) + ", highest epoch " + text_at(status, "epoch");
  } else {
    char left[32];
    std::snprintf(left, sizeof left, "%.2f", status.getValue<double>("lease_remaining_ms") / 1000);
    out += "primary " + painter.paint(primary, Mood::good) + ", epoch " + text_at(status, "epoch") +
           ", lease " + left + " s left";
  }
  if (status.optValue("paused", false)) {
    out += ", " + painter.paint("automatic failover is paused", Mood::unsure);
  }
  return out + faults_text(painter, status) + "\nanswered by " + source + ", which is " +
         text_at(status, "role") + ", version " + text_at(status, "version") + "\n";
}

std::string quorum_line(const Painter& painter, const Object& quorum) {
  const std::string outcome = text_at(quorum, "outcome");
  const auto margin = quorum.getValue<std::int64_t>("margin");
  return "quorum " + painter.paint(outcome, outcome_mood(outcome)) + ": " +
         text_at(quorum, "weight") + " of " + text_at(quorum, "total") + " present, " +
         text_at(quorum, "needed") + " needed, " +
         (margin >= 0 ? std::to_string(margin) + " to spare"
                      : std::to_string(-margin) + " missing") +
         " (" + text_at(quorum, "kind") + ")\n";
}

// A word from before `epoch` says how old it is: the node may have voted in the meantime.
std::string node_text(const Object& node, std::uint64_t epoch) {
  std::string text = text_at(node, "name");
  if (const auto weight = node.optValue<std::int64_t>("weight", 1); weight != 1) {
    text += "(" + std::to_string(weight) + ")";
  }
  if (!node.optValue("asked", true)) return text + ":not-asked-yet";
  if (!node.optValue("reachable", false)) return text + ":DOWN";
  if (!node.optValue("topology_match", true)) return text + ":OTHER-TOPOLOGY";
  const std::string supports = text_at(node, "supports");
  text += ":" + (supports.empty() ? "-" : supports) + "@" + text_at(node, "epoch");
  if (node.getValue<std::uint64_t>("epoch") >= epoch || node.isNull("last_heard_ms")) return text;
  char age[32];
  std::snprintf(age, sizeof age, "(%.1fs-ago)", node.getValue<double>("last_heard_ms") / 1000);
  return text + age;
}

std::string regions_table(const Painter& painter, const Object& quorum, std::uint64_t epoch) {
  std::vector<std::vector<Cell>> rows;
  for_each(quorum, "regions", [&](const Object& region) {
    const std::string outcome = text_at(region, "outcome");
    std::string nodes;
    for_each(region, "nodes", [&](const Object& node) {
      nodes += (nodes.empty() ? "" : " ") + node_text(node, epoch);
    });
    rows.push_back({{text_at(region, "name")},
                    {text_at(region, "weight")},
                    {outcome, outcome_mood(outcome)},
                    {text_at(region, "node_weight") + "/" + text_at(region, "node_total")},
                    {text_at(region, "node_needed")},
                    {nodes}});
  });
  return columns(painter,
                 {"REGION", "WEIGHT", "OUTCOME", "PRESENT", "NEEDED", "NODES (supports@epoch)"},
                 rows);
}

Cell topology_cell(const Object& link) {
  if (link.optValue("topology_match", true)) return {"same"};
  // Its votes count all the same.
  if (link.optValue("quorum_match", false)) return {"other services", Mood::unsure};
  return {"OTHER", Mood::bad};
}

std::string links_table(const Painter& painter, const Object& status) {
  std::vector<std::vector<Cell>> rows;
  for_each(status, "links", [&](const Object& link) {
    const std::string state = text_at(link, "state");
    rows.push_back({{text_at(link, "region") + "." + text_at(link, "gateway")},
                    {state, state == "up"     ? Mood::good
                            : state == "down" ? Mood::bad
                                              : Mood::unsure},
                    {milliseconds(link, "rtt_ms")},
                    {milliseconds(link, "last_heard_ms")},
                    topology_cell(link),
                    {link.optValue("eligible", false) ? "yes" : "no"}});
  });
  if (rows.empty()) return "";
  return "\n" +
         columns(painter, {"LINK TO", "STATE", "RTT", "LAST HEARD", "TOPOLOGY", "CAN LEAD"}, rows);
}

std::string backends_table(const Painter& painter, const Object& status) {
  std::vector<std::vector<Cell>> rows;
  for_each(status, "services", [&](const Object& service) {
    for_each(service, "backends", [&](const Object& backend) {
      const bool healthy = backend.optValue("healthy", false);
      rows.push_back({{text_at(service, "name")},
                      {text_at(backend, "address")},
                      {healthy ? "healthy" : "unhealthy", healthy ? Mood::good : Mood::bad}});
    });
  });
  if (rows.empty()) return "";
  return "\n" + columns(painter, {"SERVICE", "BACKEND", "STATE"}, rows);
}

}  // namespace

std::string status_table(const Object& status, const std::string& source, bool colour) {
  const Painter painter(colour);
  std::string out = headline(painter, status, source);
  if (const Object::Ptr quorum = status.getObject("quorum")) {
    out += quorum_line(painter, *quorum) + "\n" +
           regions_table(painter, *quorum, status.getValue<std::uint64_t>("epoch"));
  }
  out += links_table(painter, status) + backends_table(painter, status);
  const Object::Ptr topology = status.getObject("topology");
  const Object::Ptr cache = status.getObject("route_cache");
  if (!topology.isNull()) {
    out += "\ntopology version " + text_at(*topology, "version") + ", " +
           text_at(*topology, "hash").substr(0, 19) + "\n";
  }
  if (!cache.isNull()) {
    const std::string state = text_at(*cache, "state");
    out += "route cache " + painter.paint(state, state == "down" ? Mood::bad : Mood::plain) +
           (state == "up" ? ", epoch " + text_at(*cache, "epoch") : "") + "\n";
  }
  return out;
}

}  // namespace regent::cli
