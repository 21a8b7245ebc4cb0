#include "gateway/client/route_cell.h"

#include <gtest/gtest.h>

#include <thread>

namespace regent::client {
namespace {

Instant at(int ms) {
  return Instant(std::chrono::milliseconds(ms));
}

// All fields tell the epoch, so that a torn route shows.
Route route(std::uint64_t epoch) {
  const std::string text = "region-with-a-name-beyond-any-small-string-" + std::to_string(epoch);
  return {Epoch{epoch}, text, {{text, 1}, {text, 2}}, {{text, {{text, 3}}}}};
}

TEST(RouteCellTest, ShowsWhatIsInForce) {
  RouteCell cell;
  EXPECT_FALSE(cell.look(at(0)));
  ASSERT_TRUE(cell.publish(route(1), at(10)));
  RouteView view = cell.look(at(9));
  ASSERT_TRUE(view);
  EXPECT_EQ(*view, route(1));
  EXPECT_EQ(view.ends(), at(10));
  EXPECT_FALSE(cell.look(at(10)));
  cell.extend(at(20));
  EXPECT_TRUE(cell.look(at(19)));
  cell.clear();
  EXPECT_FALSE(cell.look(at(0)));
  EXPECT_EQ(*view, route(1));
}

TEST(RouteCellTest, AViewStaysAsItIs) {
  RouteCell cell;
  std::vector<RouteView> views;
  for (std::uint64_t epoch = 1; epoch <= 50; ++epoch) {
    ASSERT_TRUE(cell.publish(route(epoch), at(10)));
    views.push_back(cell.look(at(0)));
  }
  for (std::uint64_t epoch = 1; epoch <= 50; ++epoch) EXPECT_EQ(*views[epoch - 1], route(epoch));
  RouteView moved = std::move(views[0]);
  EXPECT_FALSE(views[0]);
  moved = std::move(views[1]);
  EXPECT_EQ(*moved, route(2));
}

TEST(RouteCellTest, HasNoRoomBeyondItsLimitAndRoomAgainLater) {
  RouteCell cell;
  std::vector<RouteView> views;
  for (std::uint64_t epoch = 1; epoch <= RouteCell::kMaxSlots; ++epoch) {
    ASSERT_TRUE(cell.publish(route(epoch), at(10)));
    views.push_back(cell.look(at(0)));
  }
  EXPECT_FALSE(cell.publish(route(5000), at(10)));
  EXPECT_FALSE(cell.look(at(0)));
  views[7] = RouteView();
  EXPECT_TRUE(cell.publish(route(5001), at(10)));
  EXPECT_EQ(*cell.look(at(0)), route(5001));
}

TEST(RouteCellDeathTest, DoesNotDieBeforeItsViews) {
  EXPECT_DEATH(
      {
        RouteView view;
        RouteCell cell;
        static_cast<void>(cell.publish(route(1), at(10)));
        view = cell.look(at(0));
      },
      "pinned");
}

TEST(RouteCellTest, ManyThreadsLookWhileItChanges) {
  RouteCell cell;
  std::atomic<bool> stopping{false};
  std::atomic<int> ready{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 4; ++i) {
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      while (!stopping) {
        const RouteView view = cell.look(at(5));
        if (!view) continue;
        ASSERT_EQ(*view, route(view->epoch.value));
        ASSERT_GE(view->epoch.value, last);
        if (last == 0) ++ready;
        last = view->epoch.value;
      }
    });
  }
  ASSERT_TRUE(cell.publish(route(1), at(10)));
  while (ready < 4) std::this_thread::yield();
  for (std::uint64_t epoch = 2; epoch < 20'000; ++epoch) {
    ASSERT_TRUE(cell.publish(route(epoch), at(10)));
    if (epoch % 7 == 0) cell.extend(at(11));
    if (epoch % 11 == 0) cell.clear();
  }
  stopping = true;
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace regent::client
