#include "gateway/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "admin_fixture.h"
#include "region/clock.h"

namespace regent::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string page(Metrics& metrics, const GatewayStatus& status = primary_status()) {
  return metrics.text(status, 3600, boot_now());
}

TEST(MetricsTest, ShowsHowLongCertificatesOfServicesLast) {
  Metrics metrics({"orders"});
  GatewayStatus status = primary_status();
  status.services.at(0).certificates = {{"/a.crt", 90}, {"/b.crt", -5}};
  const std::string text = page(metrics, status);
  const std::string line = "regent_certificate_expiry_seconds{file=\"/";
  EXPECT_THAT(text, HasSubstr(line + "a.crt\",service=\"orders\"} 90\n"));
  EXPECT_THAT(text, HasSubstr(line + "b.crt\",service=\"orders\"} -5\n"));
  EXPECT_THAT(text, HasSubstr("regent_certificate_expiry_seconds 3600\n"));
}

TEST(MetricsTest, ShowsTheStatus) {
  Metrics metrics({"orders"});
  const std::string text = page(metrics);
  for (const std::string line :
       {"regent_primary 1\n", "regent_epoch 7\n", "regent_quorum 1\n", "regent_quorum_margin 0\n",
        "regent_region_quorum{region=\"eu\"} 0\n", "regent_region_quorum{region=\"us-east\"} 1\n",
        "regent_link_up{gateway=\"gw1\",region=\"eu\"} 0\n",
        "regent_link_up{gateway=\"gw1\",region=\"us-west\"} 1\n",
        "regent_backend_healthy{address=\"127.0.0.1:9001\",service=\"orders\"} 0\n",
        "regent_route_cache_up 1\n", "regent_certificate_expiry_seconds 3600\n",
        "regent_topology_version 3\n", "regent_build_info{version=\"" REGENT_VERSION "\"} 1\n",
        "regent_elections_total{outcome=\"won\"} 0\n",
        "regent_primary_changes_total{cause=\"failover\"} 0\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text,
              HasSubstr("regent_link_rtt_seconds{gateway=\"gw1\",region=\"us-west\"} 0.0812"));
  EXPECT_THAT(text, Not(HasSubstr("regent_link_rtt_seconds{gateway=\"gw1\",region=\"eu\"}")));
}

TEST(MetricsTest, ForgetsBackendsAndServicesThatAreGone) {
  Metrics metrics({"orders"});
  GatewayStatus status = primary_status();
  status.services.at(0).queued = 3;
  status.services.at(0).backends = {{"10.0.0.1:80", true, true, 2, 5}};
  std::string text = page(metrics, status);
  const std::string labels = "{address=\"10.0.0.1:80\",service=\"orders\"}";
  for (const std::string& line :
       {"regent_backend_healthy" + labels + " 1\n", "regent_backend_ejected" + labels + " 1\n",
        "regent_backend_ejections_total" + labels + " 2\n",
        "regent_backend_requests" + labels + " 5\n",
        std::string("regent_requests_queued{service=\"orders\"} 3\n")}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  status.services.at(0).backends = {{"10.0.0.2:80", true, false, 0, 0}};
  text = page(metrics, status);
  EXPECT_THAT(text, Not(HasSubstr("10.0.0.1")));
  EXPECT_THAT(text, HasSubstr("10.0.0.2"));
  status.services.clear();
  EXPECT_THAT(page(metrics, status), Not(HasSubstr("orders")));
}

TEST(MetricsTest, ALeaseThatIsOverIsNotPrimary) {
  Metrics metrics({"orders"});
  const GatewayStatus status = primary_status();
  const std::string text = metrics.text(status, 0, status.lease_end);
  EXPECT_THAT(text, HasSubstr("regent_primary 0\n"));
  EXPECT_THAT(text, HasSubstr("regent_lease_remaining_seconds 0\n"));
}

TEST(MetricsTest, CountsRequestsByServiceClassAndCode) {
  Metrics metrics({"orders", "users"});
  RequestObserver& requests = metrics.requests();
  requests.request_done(0, RequestClass::write, 201, 0.002);
  requests.request_done(0, RequestClass::write, 201, 0.002);
  requests.request_done(1, RequestClass::read, 503, 99);
  requests.request_done(1, RequestClass::read, 7, 0);
  requests.held_changed(2);
  requests.held_changed(-1);
  requests.fenced();
  requests.write_failed();
  requests.connections_changed(3);
  metrics.requests().for_thread(1).write_failed();
  EXPECT_EQ(metrics.failed_writes(), 2U);
  requests.tunnel_ended(1, TunnelEnd::cut);
  requests.tunnel_ended(1, TunnelEnd::refused);
  requests.tunnel_bytes(1, 7, 90);
  const std::string text = page(metrics);
  for (const std::string line :
       {"regent_requests_total{service=\"orders\",class=\"write\",code=\"201\"} 2\n",
        "regent_requests_total{service=\"users\",class=\"read\",code=\"503\"} 1\n",
        "regent_requests_total{service=\"users\",class=\"read\",code=\"0\"} 1\n",
        "regent_request_seconds_bucket{le=\"0.001\"} 1\n",
        "regent_request_seconds_bucket{le=\"0.0025\"} 3\n",
        "regent_request_seconds_bucket{le=\"10\"} 3\n",
        "regent_request_seconds_bucket{le=\"+Inf\"} 4\n", "regent_request_seconds_count 4\n",
        "regent_request_seconds_sum 99.004\n", "regent_requests_held 1\n",
        "regent_writes_failed_total 2\n", "regent_requests_fenced_total 1\n",
        "regent_connections 3\n", "regent_tunnels_total{service=\"users\",end=\"cut\"} 1\n",
        "regent_tunnels_total{service=\"users\",end=\"refused\"} 1\n",
        "regent_tunnel_bytes_total{service=\"users\",to=\"backend\"} 7\n",
        "regent_tunnel_bytes_total{service=\"users\",to=\"client\"} 90\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(MetricsTest, CountsEvents) {
  Metrics metrics({"orders"});
  metrics.count_election("won");
  metrics.count_primary_change("switchover");
  metrics.count_partition_event("quorum_lost");
  metrics.observe_failover(std::chrono::milliseconds(1600));
  const std::string text = page(metrics);
  EXPECT_THAT(text, HasSubstr("regent_elections_total{outcome=\"won\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("regent_primary_changes_total{cause=\"switchover\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("regent_partition_events_total{kind=\"quorum_lost\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("regent_failover_seconds_bucket{le=\"2\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("regent_failover_seconds_bucket{le=\"1.5\"} 0\n"));
}

TEST(MetricsTest, NothingIsLostBetweenThreads) {
  Metrics metrics({"orders"});
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        metrics.requests().request_done(0, RequestClass::read, 200, 0.001);
      }
    });
  }
  page(metrics);
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(page(metrics), HasSubstr("code=\"200\"} 40000\n"));
}

}  // namespace
}  // namespace regent::test
