#include "gateway/placement.h"

namespace regent {
namespace {

Place here(const PlaceQuestion& question) {
  return question.healthy ? Place::local : Place::no_backend;
}

Place away(const Route& route) {
  return route.forward_to.empty() ? Place::hold : Place::forward;
}

Place place_write(const Route& route, Instant now, const PlaceQuestion& question) {
  if (route.serves_writes(now)) return here(question);
  if (question.from_gateway) return Place::refuse;
  // The primary region is this one, but another gateway of it holds the lease: that is a place to
  // forward to as well. While the region hands over, all its gateways wait.
  if (route.draining || !route.knows_primary(now)) return Place::hold;
  return away(route);
}

Place place_read(const Route& route, Instant now, const PlaceQuestion& question) {
  const bool known = route.knows_primary(now);
  const bool elsewhere = known && route.primary != question.own;
  if (question.from_gateway) {
    if (question.reads == Reads::primary && elsewhere) return Place::refuse;
    return here(question);
  }
  if (question.reads == Reads::local && question.healthy) return Place::local;
  if (!known) return Place::hold;
  return elsewhere ? away(route) : here(question);
}

}  // namespace

Place place(const Route& route, Instant now, const PlaceQuestion& question) {
  return question.request_class == RequestClass::write ? place_write(route, now, question)
                                                       : place_read(route, now, question);
}

}  // namespace regent
