#pragma once

#include <memory>
#include <string>

#include "topology/topology.h"

namespace regent {

// The topology that a running gateway takes over after its file has changed: only services and
// traffic may differ from `first`, under which it was started and votes go on. Another version
// alone is no reason to refuse, but is warned about; the quorum hash stays that of the start. Every
// error, each with its place, and what else keeps it from being taken is a line in the log; null
// then.
std::shared_ptr<const Topology> read_again(const std::string& file, const Topology& first);

}  // namespace regent
