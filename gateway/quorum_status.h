#pragma once

#include <Poco/JSON/Object.h>

#include <vector>

#include "gateway/status.h"
#include "quorum/tree.h"
#include "topology/topology.h"

// The arithmetic of a quorum with the names people know: what the admin API shows under `quorum`
// and what `regent topology explain --json` prints. Pure; any thread.
namespace regent {

// Adds up `ballot`, which must be over `topology.tree`. `nodes` says what is known of each node, by
// NodeId (`reachable`, `epoch`, `supports`, `topology_match`); names and weights are filled in from
// the topology, and nodes beyond the end of `nodes` count as unreachable.
//
// The sums at the top are those of the root of the tree. A region's `node_*` sums are those of its
// group in the tree (of its zones where it has zones); in the flat kinds, which have no such group,
// its nodes are added up by the same rule.
QuorumStatus describe_quorum(const Topology& topology, const Ballot& ballot,
                             std::vector<NodeStatus> nodes);

// The object shown under `quorum`, keys in the order people read them.
Poco::JSON::Object::Ptr quorum_json(const QuorumStatus& status);

// "pending", "won" or "lost".
const char* outcome_name(Outcome outcome);

}  // namespace regent
