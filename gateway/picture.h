#pragma once

#include "gateway/route.h"
#include "gateway/status.h"
#include "region/member.h"
#include "topology/topology.h"

// What a gateway's member knows, as the data plane and the outside see it. Pure; called on the
// control thread.
namespace regent {

// Writes stop going to backends this much before the lease ends: time for the last of them to
// reach the backend while nobody else can serve yet. A tenth of the lease; renewals keep four
// fifths of it in hand, so it costs nothing while all is well.
Duration serve_margin(const Topology& topology);

Route make_route(const Topology& topology, GatewayId self, const Member& member, Instant now);

// All but `services` and the route cache's state. For a lease from `started` on, when the member
// was made, a node that has not answered yet counts as not asked.
GatewayStatus make_status(const Topology& topology, GatewayId self, const Member& member,
                          Instant started, Instant now);

}  // namespace regent
