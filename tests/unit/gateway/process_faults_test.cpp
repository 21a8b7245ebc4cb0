#include "gateway/drill/process_faults.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/drill/fault_order.h"
#include "topology/load.h"

namespace regent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using State = ProcessFaultBook::State;

TEST(ProcessFaults, TravelAsText) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
  EXPECT_FALSE(receive_process_faults(ends[0])) << "nothing has come";
  const ProcessFaults sent{
      "us-west/gw1", milliseconds(1500), {"us-east/gw1", "us-east/gw2"}, {"eu/n1"}};
  ASSERT_TRUE(send_process_faults(ends[1], sent).ok());
  const auto got = receive_process_faults(ends[0]);
  ASSERT_TRUE(got && got->ok());
  EXPECT_EQ((*got)->from, sent.from);
  EXPECT_EQ((*got)->length, sent.length);
  EXPECT_EQ((*got)->stop, sent.stop);
  EXPECT_EQ((*got)->pause, sent.pause);
  close(ends[0]);
  EXPECT_FALSE(send_process_faults(ends[1], sent).ok()) << "nobody is there";
  close(ends[1]);
}

TEST(ProcessFaults, SayWhatIsWrong) {
  for (const char* text : {"", "ms 5\n", "from a/b\nms x\n", "from a/b\nms -1\n",
                           "from a/b\nms 600001\n", "from a/b\nkill c/d\n"}) {
    EXPECT_FALSE(parse_process_faults(text).ok()) << text;
  }
  EXPECT_TRUE(parse_process_faults("from a/b\nms 600000\n").ok());
}

TEST(ProcessFaults, NameGatewaysAndNodes) {
  const Topology topology =
      parse_topology(
          "cluster: shop\nregions:\n"
          "  eu: { gateways: { gw1: 10.0.3.10 }, nodes: { n1: 10.0.3.11 } }\n",
          "shop.yaml")
          .topology;
  EXPECT_TRUE(std::holds_alternative<GatewayId>(find_process(topology, "eu/gw1").value()));
  EXPECT_TRUE(std::holds_alternative<NodeId>(find_process(topology, "eu/n1").value()));
  for (const char* name : {"eu", "eu/n2", "mars/n1", "/n1", "eu/", "eu/n1/n1"}) {
    EXPECT_FALSE(find_process(topology, name)) << name;
  }
}

TEST(ProcessFaultBook, AProcessIsTakenWhileAnyGatewayWantsIt) {
  ProcessFaultBook book;
  const Instant now{seconds(100)};
  book.take({"a/gw1", seconds(5), {"c/gw1"}, {}}, now);
  book.take({"b/gw1", seconds(9), {}, {"c/gw1", "c/n1"}}, now);
  EXPECT_EQ(book.wanted("c/gw1", now), State::stopped) << "that goes before a pause";
  EXPECT_EQ(book.wanted("c/n1", now), State::paused);
  EXPECT_EQ(book.wanted("a/gw1", now), State::running);
  EXPECT_EQ(book.next_deadline(), now + seconds(5));
  EXPECT_EQ(book.wanted("c/gw1", now + seconds(5)), State::paused);
  book.take({"b/gw1", seconds(9), {}, {}}, now);
  EXPECT_EQ(book.wanted("c/n1", now), State::running) << "replaced";
  book.forget("a/gw1");
  EXPECT_EQ(book.wanted("c/gw1", now), State::running);
}

TEST(ProcessFaultBook, EndsByItself) {
  ProcessFaultBook book;
  const Instant now{seconds(100)};
  EXPECT_EQ(book.next_deadline(), kNever);
  book.take({"a/gw1", seconds(5), {"c/gw1"}, {}}, now);
  book.expire(now + seconds(5) - milliseconds(1));
  EXPECT_EQ(book.wanted("c/gw1", now + seconds(5) - milliseconds(1)), State::stopped);
  EXPECT_EQ(book.wanted("c/gw1", now + seconds(5)), State::running);
  book.expire(now + seconds(5));
  EXPECT_EQ(book.next_deadline(), kNever);
}

}  // namespace
}  // namespace regent
