#include "gateway/reload.h"

#include <utility>

#include "region/log.h"
#include "topology/difference.h"
#include "topology/load.h"

namespace regent {
namespace {

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + word;
  return out;
}

}  // namespace

std::shared_ptr<const Topology> read_again(const std::string& file, const Topology& first) {
  LoadedTopology loaded = load_topology(file);
  for (const Finding& error : loaded.errors) {
    log_event(LogLevel::error, "topology not reloaded", {{"reason", error.message()}});
  }
  if (!loaded.errors.empty()) return nullptr;
  for (const Finding& warning : loaded.warnings) {
    log_event(LogLevel::warning, "topology warning", {{"text", warning.message()}});
  }
  Topology& next = loaded.topology;
  auto differences = quorum_differences(first, next);
  const bool other_version = std::erase(differences, "version") > 0;
  if (!differences.empty()) {
    log_event(LogLevel::error, "topology not reloaded",
              {{"reason",
                "votes depend on what has changed: restart every process for it, or take "
                "it back; services and traffic alone can be reloaded"},
               {"changed", joined(differences)}});
    return nullptr;
  }
  if (other_version) {
    log_event(LogLevel::warning, "topology has another version",
              {{"ours", std::to_string(first.version)},
               {"new", std::to_string(next.version)},
               {"note",
                "votes go on under the version of the start, and a process that is started "
                "with the new one does not count; services need no new version"}});
  }
  next.quorum_hash = first.quorum_hash;
  return std::make_shared<const Topology>(std::move(next));
}

}  // namespace regent
