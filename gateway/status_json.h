#pragma once

#include <Poco/JSON/Object.h>

#include <string>

#include "gateway/status.h"

// The pictures the admin API shows, as JSON. Pure: the instant asked about is an argument, and a
// lease that is over at that instant is shown as no primary. Any thread.
namespace regent {

// What `GET /v1/status` answers. Keys come in the order people read them.
Poco::JSON::Object::Ptr status_json(const GatewayStatus& status, Instant now);

// What `GET /v1/route` answers: the primary and its gateways, or `"primary": null` with a reason
// when none is known. `gateways` are those of the first service, `services` has all by name.
Poco::JSON::Object::Ptr route_json(const GatewayStatus& status, Instant now);

}  // namespace regent
