#include "gateway/client/route_text.h"

#include <gtest/gtest.h>

namespace regent::client {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

Fields good_fields() {
  return {{"updated_ms", "1"},
          {"epoch", "7"},
          {"primary", "us-east"},
          {"gateways", "10.0.1.10:8080,[fd00::1]:8080"},
          {"gateways:stock", "10.0.1.10:8090"}};
}

std::string refusal(const Fields& fields, std::int64_t pttl_ms = 900) {
  const auto shown = shown_by_hash(fields, pttl_ms);
  return shown.ok() ? "taken" : shown.error().message;
}

std::string refusal_with(const std::string& name, const std::string& value) {
  Fields fields = good_fields();
  for (auto& [key, old] : fields) {
    if (key == name) old = value;
  }
  return refusal(fields);
}

TEST(RouteTextTest, ReadsAHash) {
  const auto shown = shown_by_hash(good_fields(), 900);
  ASSERT_TRUE(shown.ok()) << shown.error().message;
  EXPECT_EQ(shown->left, std::chrono::milliseconds(899));  // 900 may have been 899.1
  EXPECT_EQ(shown_by_hash(good_fields(), 0)->left, Duration{});
  EXPECT_EQ(shown->route, (Route{Epoch{7},
                                 "us-east",
                                 {{"10.0.1.10", 8080}, {"fd00::1", 8080}},
                                 {{"stock", {{"10.0.1.10", 8090}}}}}));
}

TEST(RouteTextTest, ReadsAGatewaysAnswerAsTheSameRoute) {
  const auto shown = shown_by_gateway(
      R"({"primary":"us-east","epoch":7,"gateways":["10.0.1.10:8080","[fd00::1]:8080"],)"
      R"("expires_in_ms":900,"services":{"orders":["10.0.1.10:8080","[fd00::1]:8080"],)"
      R"("stock":["10.0.1.10:8090"]}})");
  ASSERT_TRUE(shown.ok()) << shown.error().message;
  EXPECT_EQ(shown->route, shown_by_hash(good_fields(), 900)->route);
  EXPECT_EQ(shown->left, std::chrono::milliseconds(900));
}

TEST(RouteTextTest, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(refusal(good_fields()), "taken");
  EXPECT_EQ(refusal_with("epoch", "many"), "epoch is 'many', which is not a number");
  EXPECT_EQ(refusal_with("epoch", "7 "), "epoch is '7 ', which is not a number");
  EXPECT_EQ(refusal_with("epoch", "-7"), "epoch is '-7', which is not a number");
  EXPECT_EQ(refusal_with("epoch", "7\n8"), "epoch is '7?8', which is not a number");
  EXPECT_EQ(refusal_with("epoch", "99999999999999999999"),
            "epoch is '99999999999999999999', which is not a number");
  EXPECT_EQ(refusal_with("epoch", "18446744073709551615"),
            "epoch is 18446744073709551615, which no primary can have reached");
  EXPECT_EQ(refusal_with("epoch", "0"), "epoch is 0, which no primary can have reached");
  EXPECT_EQ(refusal_with("primary", ""), "primary is '', which is no region's name");
  EXPECT_EQ(refusal_with("primary", std::string(64, 'x')),
            "primary is '" + std::string(40, 'x') + "…', which is no region's name");
  EXPECT_EQ(refusal_with("gateways", "10.0.1.10:8080,"),
            "gateways: '' is not HOST:PORT or [IPV6]:PORT");
  EXPECT_EQ(refusal_with("gateways:stock", "10.0.1.10:0"),
            "gateways:stock: '10.0.1.10:0' is not HOST:PORT or [IPV6]:PORT");
  EXPECT_EQ(refusal_with("gateways", std::string(1000, ',')), "gateways has 1001 addresses");
  EXPECT_EQ(refusal({{"epoch", "7"}, {"primary", "a"}}), "gateways is missing");
  EXPECT_EQ(refusal({{"primary", "a"}, {"gateways", "a:1"}}), "epoch is missing");
}

TEST(RouteTextTest, ALeaseHasAnEnd) {
  EXPECT_EQ(refusal(good_fields(), -1), "the time to live is -1 ms, which is no lease");
  EXPECT_EQ(refusal(good_fields(), 3'600'000), "taken");
  EXPECT_EQ(refusal(good_fields(), 3'600'001), "the time to live is 3600001 ms, which is no lease");
}

TEST(RouteTextTest, RefusesOtherJson) {
  const auto refused = [](const std::string& epoch, const std::string& rest) {
    return !shown_by_gateway(R"({"primary":"a","epoch":)" + epoch +
                             R"(,"gateways":["a:1"],"expires_in_ms":9)" + rest)
                .ok();
  };
  EXPECT_FALSE(refused("7", "}"));
  EXPECT_FALSE(refused("7", R"(,"services":{"orders":["a:1"]}})"));
  for (const std::string epoch : {"\"7\"", "7.5", "-7", "0", "true", "null", "[7]", "1e30",
                                  "99999999999999999999", "9000000000000000000"}) {
    EXPECT_TRUE(refused(epoch, "}")) << epoch;
  }
  for (const std::string rest :
       {"", "}}", ",}", R"(,"services":[]})", R"(,"services":{"x":[],"y":7}})",
        R"(,"gateways":[]})", R"(,"gateways":[7]})", R"(,"expires_in_ms":-1})",
        R"(,"primary":null})"}) {
    EXPECT_TRUE(refused("7", rest)) << rest;
  }
  for (const std::string text : {"", "7", "[]", "\"x\"", "null", "{}"}) {
    EXPECT_FALSE(shown_by_gateway(text).ok()) << text;
    EXPECT_FALSE(parse_announcement(text).ok()) << text;
    EXPECT_EQ(message_of(text), "") << text;
  }
  EXPECT_FALSE(shown_by_gateway(std::string(100'000, '[')).ok());
}

TEST(RouteTextTest, ReadsAnnouncements) {
  const auto taken = parse_announcement(R"({"epoch":8,"primary":"a","gateways":["a:1"]})");
  ASSERT_TRUE(taken.ok());
  EXPECT_EQ(taken->epoch, Epoch{8});
  EXPECT_FALSE(taken->given_back);
  const auto back = parse_announcement(R"({"epoch":8,"primary":null,"gateways":[]})");
  ASSERT_TRUE(back.ok());
  EXPECT_TRUE(back->given_back);
  EXPECT_FALSE(parse_announcement(R"({"epoch":8})").ok());
  EXPECT_FALSE(parse_announcement(R"({"primary":null})").ok());
  EXPECT_FALSE(parse_announcement(R"({"epoch":9000000000000000000,"primary":null})").ok());
}

TEST(EndpointTest, TakesHostAndPort) {
  EXPECT_EQ(parse_endpoint("redis.example:6379").value(), (Endpoint{"redis.example", 6379}));
  EXPECT_EQ(parse_endpoint("[::1]:1").value(), (Endpoint{"::1", 1}));
  EXPECT_EQ(parse_endpoint("[::1]:1")->text(), "[::1]:1");
  EXPECT_EQ(parse_endpoint("a:65535")->text(), "a:65535");
  for (const std::string bad :
       {"", ":", "host", "host:", ":1", "host:0", "host:65536", "host:1x", "host:-1", "::1",
        "fd00::1:80", "[]:1", "a b:1", "a,b:1", "a/b:1"}) {
    EXPECT_FALSE(parse_endpoint(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace regent::client
