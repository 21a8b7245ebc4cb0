#pragma once

#include "gateway/request_observer.h"
#include "gateway/route.h"
#include "topology/topology.h"

// Where a request goes. A pure rule over the route and the state of this region's backends.
namespace regent {

enum class Place : std::uint8_t {
  local,       // to a backend of this region
  forward,     // to a gateway of Route::forward_to
  hold,        // wait for the route to change
  no_backend,  // its place is here, but no backend is healthy
  refuse,      // came from another gateway, which has to look for another place
};

struct PlaceQuestion {
  RequestClass request_class = RequestClass::write;
  Reads reads = Reads::local;
  RegionId own = kNoRegion;
  bool from_gateway = false;  // forwarded already: one hop is the limit
  bool healthy = false;       // this region has a healthy backend for the service
};

// For a write, `now` must be read for this very write.
Place place(const Route& route, Instant now, const PlaceQuestion& question);

}  // namespace regent
