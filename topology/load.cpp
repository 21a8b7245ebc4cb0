#include "topology/load.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include "topology/document.h"
#include "topology/parse.h"

namespace regent {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

void parse_timing(const Field& field, Timing& timing) {
  const Section section(field, {"heartbeat", "lease", "election_window", "clock_drift_ppm"});
  section.duration("heartbeat", milliseconds(1), hours(1), timing.heartbeat);
  section.duration("lease", milliseconds(1), hours(1), timing.lease);
  section.duration("election_window", milliseconds(1), hours(1), timing.election_window);
  section.integer("clock_drift_ppm", 0, 100'000, timing.clock_drift_ppm);
}

void parse_failback(const Field& field, Failback& failback) {
  const Section section(field, {"policy", "hold_down"});
  section.choice("policy", {"manual", "automatic"}, failback.automatic);
  section.duration("hold_down", milliseconds(0), hours(24), failback.hold_down);
  if (section.has("hold_down") && !failback.automatic && !field.findings().broken(field.path())) {
    field.findings().warn(field.path() + ".hold_down", "has no effect while the policy is manual");
  }
}

DefaultPorts parse_ports(const Field& field) {
  DefaultPorts ports;
  const Section section(field, {"peer", "forward", "admin", "node"});
  section.port("peer", ports.peer);
  section.port("forward", ports.forward);
  section.port("admin", ports.admin);
  section.port("node", ports.node);
  return ports;
}

void parse_root(const Field& root, Topology& topology) {
  const Section section(root, {"cluster", "version", "quorum", "timing", "failback", "ports",
                               "regions", "traffic", "services"});
  if (const auto field = section.need("cluster")) {
    if (const auto name = field->text()) {
      if (const auto problem = name_problem(*name)) field->error(*problem);
      topology.cluster = *name;
    }
  }
  topology.version = 1;
  section.integer("version", 1, INT64_MAX, topology.version);
  section.choice("quorum", {"majority", "weighted", "hierarchical"}, topology.kind);
  if (const auto field = section.find("timing")) parse_timing(*field, topology.timing);
  if (topology.timing.election_window == Duration{}) {
    topology.timing.election_window = topology.timing.lease / 4;
  }
  if (const auto field = section.find("failback")) parse_failback(*field, topology.failback);
  DefaultPorts ports;
  if (const auto field = section.find("ports")) ports = parse_ports(*field);
  if (const auto field = section.need("regions")) parse_regions(*field, ports, topology);
  if (const auto field = section.find("traffic")) parse_traffic(*field, topology.traffic);
  if (const auto field = section.find("services")) parse_services(*field, topology);
}

LoadedTopology one_error(const std::string& file, std::string text) {
  LoadedTopology out;
  out.errors.push_back({file, 0, 0, "", std::move(text)});
  return out;
}

}  // namespace

LoadedTopology parse_topology(const std::string& text, const std::string& file) {
  LoadedTopology out;
  Findings findings(file);
  if (const auto document =
          parse_document(text, {"topology", "cluster, regions and more"}, findings)) {
    const Field root(*document, "", findings);
    Topology& topology = out.topology;
    if (root.is_map()) {
      parse_root(root, topology);
      check_topology(topology, findings);
      check_addresses(topology, findings);
    }
    if (!findings.any_errors()) {
      Result<QuorumTree> tree = build_tree(topology);
      if (tree) {
        topology.tree = std::move(tree.value());
        topology.hash = hash_topology(topology);
        topology.quorum_hash = hash_quorum(topology);
        advise_topology(topology, findings);
      } else {
        findings.error("regions", tree.error().message);
      }
    }
  }
  out.errors = findings.errors();
  out.warnings = findings.warnings();
  return out;
}

LoadedTopology load_topology(const std::string& file) {
  struct stat info {};
  if (stat(file.c_str(), &info) != 0) {
    return one_error(file, std::string("cannot be read: ") + std::strerror(errno));
  }
  if (!S_ISREG(info.st_mode) && !S_ISFIFO(info.st_mode) && !S_ISCHR(info.st_mode)) {
    return one_error(file, S_ISDIR(info.st_mode) ? "is a directory: give the topology file itself"
                                                 : "is no regular file");
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return one_error(file, std::string("cannot be read: ") + std::strerror(errno));
  // One byte more than allowed, so that a larger file is noticed and none is read whole.
  std::string text(kMaxTopologyBytes + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return one_error(file, "cannot be read: the disk reports an error");
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return parse_topology(text, file);
}

}  // namespace regent
