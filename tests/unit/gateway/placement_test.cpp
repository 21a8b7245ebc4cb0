#include "gateway/placement.h"

#include <gtest/gtest.h>

namespace regent {
namespace {

constexpr RegionId kOwn{0};
constexpr RegionId kOther{1};
const Instant kNow{Duration(1000)};
const Instant kLater{Duration(2000)};

Route primary(RegionId region) {
  Route route;
  route.primary = region;
  route.known_until = kLater;
  route.quorum = true;
  if (region == kOwn) route.serve_until = kLater;
  if (region == kOther) route.forward_to = {GatewayId{1}};
  return route;
}

PlaceQuestion asks(RequestClass request_class, Reads reads = Reads::local) {
  return {request_class, reads, kOwn, false, true};
}
PlaceQuestion write() {
  return asks(RequestClass::write);
}
PlaceQuestion forwarded(PlaceQuestion question) {
  question.from_gateway = true;
  return question;
}
PlaceQuestion without_backend(PlaceQuestion question) {
  question.healthy = false;
  return question;
}

TEST(Placement, WritesGoWhereTheLeaseIs) {
  EXPECT_EQ(place(primary(kOwn), kNow, write()), Place::local);
  EXPECT_EQ(place(primary(kOwn), kNow, without_backend(write())), Place::no_backend);
  EXPECT_EQ(place(primary(kOther), kNow, write()), Place::forward);
  EXPECT_EQ(place(Route{}, kNow, write()), Place::hold);
}

TEST(Placement, TheLeaseEndsAtItsInstant) {
  const Route route = primary(kOwn);
  EXPECT_EQ(place(route, kLater - Duration(1), write()), Place::local);
  EXPECT_EQ(place(route, kLater, write()), Place::hold);
}

TEST(Placement, WritesWaitWhileThePrimaryHandsOver) {
  Route route = primary(kOwn);
  route.draining = true;
  route.forward_to = {GatewayId{1}};
  EXPECT_EQ(place(route, kNow, write()), Place::hold);
}

TEST(Placement, AGatewayWithoutLeaseUsesASiblingThatHasOne) {
  Route route = primary(kOwn);
  route.serve_until = Instant::min();
  EXPECT_EQ(place(route, kNow, write()), Place::hold);
  route.forward_to = {GatewayId{1}};
  EXPECT_EQ(place(route, kNow, write()), Place::forward);
}

TEST(Placement, OneHopIsTheLimit) {
  EXPECT_EQ(place(primary(kOther), kNow, forwarded(write())), Place::refuse);
  EXPECT_EQ(place(Route{}, kNow, forwarded(write())), Place::refuse);
  EXPECT_EQ(place(primary(kOwn), kNow, forwarded(write())), Place::local);
  const PlaceQuestion read = forwarded(asks(RequestClass::read, Reads::primary));
  EXPECT_EQ(place(primary(kOther), kNow, read), Place::refuse);
  EXPECT_EQ(place(primary(kOwn), kNow, read), Place::local);
}

TEST(Placement, LocalReadsNeedNoPrimary) {
  const PlaceQuestion read = asks(RequestClass::read);
  EXPECT_EQ(place(Route{}, kNow, read), Place::local);
  EXPECT_EQ(place(primary(kOther), kNow, read), Place::local);
  EXPECT_EQ(place(primary(kOther), kNow, without_backend(read)), Place::forward);
  EXPECT_EQ(place(primary(kOwn), kNow, without_backend(read)), Place::no_backend);
  EXPECT_EQ(place(Route{}, kNow, without_backend(read)), Place::hold);
}

TEST(Placement, PrimaryReadsFollowThePrimaryWithoutALease) {
  const PlaceQuestion read = asks(RequestClass::read, Reads::primary);
  Route own = primary(kOwn);
  own.serve_until = Instant::min();
  EXPECT_EQ(place(own, kNow, read), Place::local);
  EXPECT_EQ(place(primary(kOther), kNow, read), Place::forward);
  EXPECT_EQ(place(primary(kOther), kLater, read), Place::hold);
  EXPECT_EQ(place(Route{}, kNow, read), Place::hold);
}

}  // namespace
}  // namespace regent
