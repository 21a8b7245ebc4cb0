#include "gateway/http_rewrite.h"

#include <string>

#include <gtest/gtest.h>

namespace regent {
namespace {

std::string request(const std::string& text, RequestOrigin origin = {"10.0.0.9", false, false}) {
  RequestHead head;
  EXPECT_EQ(head.parse(text).status, 0U) << text;
  std::string out;
  append_request_base(out, head, origin);
  append_request_end(out, Epoch{7}, "us-east", "");
  return out;
}

std::string answer(const std::string& text, AnswerHeadOptions options, bool is_head = false) {
  ResponseHead head;
  EXPECT_EQ(head.parse(text).status, 0U) << text;
  options.framing = answer_framing(head, answer_has_body(head, is_head), options.client_http11);
  options.meta.epoch = Epoch{7};
  options.meta.region = "us-east";
  std::string out;
  append_answer_head(out, head, options);
  return out;
}

TEST(HttpRewrite, RequestKeepsEndToEndHeadersOnly) {
  EXPECT_EQ(
      request(
          "POST /orders?x=1 HTTP/1.1\r\nHost: shop\r\nAccept: */*\r\n"
          "Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n"
          "TE: trailers\r\nUpgrade: h2c\r\nProxy-Authorization: x\r\n"
          "Regent-Epoch: 99\r\nREGENT-Service: evil\r\nRegent_Epoch: 98\r\nregent-anything: x\r\n"
          "Content-Length: 3\r\n\r\n"),
      "POST /orders?x=1 HTTP/1.1\r\nHost: shop\r\nAccept: */*\r\nContent-Length: 3\r\n"
      "X-Forwarded-For: 10.0.0.9\r\nX-Forwarded-Proto: http\r\nVia: 1.1 regent\r\n"
      "Regent-Epoch: 7\r\nRegent-Region: us-east\r\n\r\n");
}

TEST(HttpRewrite, HostAndFramingCannotBeNamedAway) {
  EXPECT_EQ(request("POST / HTTP/1.1\r\nConnection: Host, Content-Length\r\nHost: shop\r\n"
                    "Content-Length: 3\r\n\r\n"),
            "POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 3\r\n"
            "X-Forwarded-For: 10.0.0.9\r\nX-Forwarded-Proto: http\r\nVia: 1.1 regent\r\n"
            "Regent-Epoch: 7\r\nRegent-Region: us-east\r\n\r\n");
}

TEST(HttpRewrite, WhatOthersRelyOnCannotBeNamedAway) {
  const std::string sent = request(
      "POST / HTTP/1.1\r\nHost: shop\r\n"
      "Connection: X-Forwarded-For, X-Forwarded-Host, Idempotency-Key, Regent-Epoch, X-Gone\r\n"
      "X-Forwarded-For: 1.1.1.1\r\nX-Forwarded-Host: a\r\nIdempotency-Key: k\r\nX-Gone: x\r\n\r\n");
  EXPECT_EQ(sent,
            "POST / HTTP/1.1\r\nHost: shop\r\nX-Forwarded-Host: a\r\nIdempotency-Key: k\r\n"
            "X-Forwarded-For: 1.1.1.1, 10.0.0.9\r\nX-Forwarded-Proto: http\r\nVia: 1.1 regent\r\n"
            "Regent-Epoch: 7\r\nRegent-Region: us-east\r\n\r\n");
}

TEST(HttpRewrite, NothingPassesForWhatRegentSays) {
  const std::string sent = request(
      "GET / HTTP/1.1\r\nHost: shop\r\nX_Forwarded_For: 6.6.6.6\r\nX-Forwarded_Proto: https\r\n"
      "x_forwarded-for: 6.6.6.6\r\nX_Forwarded: x\r\nX_Other: kept\r\n\r\n");
  EXPECT_EQ(sent,
            "GET / HTTP/1.1\r\nHost: shop\r\nX_Other: kept\r\n"
            "X-Forwarded-For: 10.0.0.9\r\nX-Forwarded-Proto: http\r\nVia: 1.1 regent\r\n"
            "Regent-Epoch: 7\r\nRegent-Region: us-east\r\n\r\n");
}

TEST(HttpRewrite, ForwardedForGrowsAndProtoIsOurs) {
  EXPECT_EQ(request("GET http://shop HTTP/1.1\r\nHost: shop\r\nX-Forwarded-For: 1.1.1.1\r\n"
                    "x-forwarded-for: 2.2.2.2\r\nX-Forwarded-Proto: ftp\r\nVia: 1.0 edge\r\n\r\n",
                    {"10.0.0.9", true, false}),
            "GET / HTTP/1.1\r\nHost: shop\r\nVia: 1.0 edge\r\n"
            "X-Forwarded-For: 1.1.1.1, 2.2.2.2, 10.0.0.9\r\nX-Forwarded-Proto: https\r\n"
            "Via: 1.1 regent\r\nRegent-Epoch: 7\r\nRegent-Region: us-east\r\n\r\n");
}

TEST(HttpRewrite, AnOldRequestWithoutHostGetsOne) {
  const std::string rest =
      "X-Forwarded-For: 10.0.0.9\r\nX-Forwarded-Proto: http\r\nVia: 1.0 regent\r\n"
      "Regent-Epoch: 7\r\nRegent-Region: us-east\r\n\r\n";
  EXPECT_EQ(request("GET /x HTTP/1.0\r\n\r\n"), "GET /x HTTP/1.1\r\nHost: \r\n" + rest);
  EXPECT_EQ(request("GET http://shop:81?x HTTP/1.0\r\n\r\n"),
            "GET /?x HTTP/1.1\r\nHost: shop:81\r\n" + rest);
}

TEST(HttpRewrite, OptionsOfAHostAloneBecomesTheAsterisk) {
  const auto line = [](const std::string& target) {
    const std::string out = request("OPTIONS " + target + " HTTP/1.1\r\nHost: shop\r\n\r\n");
    return out.substr(0, out.find("\r\n"));
  };
  EXPECT_EQ(line("http://shop"), "OPTIONS * HTTP/1.1");
  EXPECT_EQ(line("*"), "OPTIONS * HTTP/1.1");
  EXPECT_EQ(line("http://shop/"), "OPTIONS / HTTP/1.1");
  EXPECT_EQ(line("http://shop?x"), "OPTIONS /?x HTTP/1.1");
}

TEST(HttpRewrite, AGatewaysForwardedHeadersStay) {
  EXPECT_EQ(request("GET /x HTTP/1.1\r\nHost: shop\r\nX-Forwarded-For: 1.1.1.1\r\n"
                    "X-Forwarded-Proto: https\r\nRegent-Service: orders\r\n\r\n",
                    {"10.0.0.9", true, true}),
            "GET /x HTTP/1.1\r\nHost: shop\r\nX-Forwarded-For: 1.1.1.1\r\n"
            "X-Forwarded-Proto: https\r\nVia: 1.1 regent\r\n"
            "Regent-Epoch: 7\r\nRegent-Region: us-east\r\n\r\n");
}

TEST(HttpRewrite, ABackendCannotSpeakForRegent) {
  EXPECT_EQ(answer("HTTP/1.1 200 Fine\r\nRegent-Epoch: 99\r\nRegent-Stale: true\r\nX: y\r\n"
                   "Connection: X-Hop\r\nX-Hop: 1\r\nContent-Length: 5\r\n\r\n",
                   {}),
            "HTTP/1.1 200 Fine\r\nX: y\r\nContent-Length: 5\r\n"
            "Regent-Epoch: 7\r\nRegent-Region: us-east\r\n\r\n");
}

TEST(HttpRewrite, AGatewaysWordOnWhoServedStays) {
  AnswerHeadOptions options;
  options.meta.from_gateway = true;
  EXPECT_EQ(answer("HTTP/1.1 200 OK\r\nRegent-Epoch: 8\r\nRegent-Region: eu\r\n"
                   "Content-Length: 5\r\n\r\n",
                   options),
            "HTTP/1.1 200 OK\r\nRegent-Epoch: 8\r\nRegent-Region: eu\r\nContent-Length: 5\r\n\r\n");
}

TEST(HttpRewrite, FramingFollowsTheClient) {
  AnswerHeadOptions old;
  old.client_http11 = false;
  old.keep_alive = false;
  const std::string served = "Regent-Epoch: 7\r\nRegent-Region: us-east\r\n";
  EXPECT_EQ(answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", {}),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + served + "\r\n");
  EXPECT_EQ(answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", old),
            "HTTP/1.1 200 OK\r\n" + served + "Connection: close\r\n\r\n");
  EXPECT_EQ(answer("HTTP/1.0 200 OK\r\n\r\n", {}),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + served + "\r\n");
  EXPECT_EQ(answer("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", {}, true),
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n" + served + "\r\n");
  EXPECT_EQ(answer("HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\n", {}),
            "HTTP/1.1 204 No Content\r\n" + served + "\r\n");
  EXPECT_EQ(answer("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", {}),
            "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n" + served + "\r\n");
  AnswerHeadOptions stale;
  stale.meta.stale = true;
  EXPECT_EQ(answer("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", stale),
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n" + served + "Regent-Stale: true\r\n\r\n");
}

TEST(HttpRewrite, ErrorsAreJson) {
  std::string out;
  ErrorContext about;
  about.epoch = Epoch{7};
  about.region = "eu";
  append_error_answer(out, {503, "no_primary", "say \"when\"", true, true}, about);
  const std::string body =
      R"({"success":false,"error":"no_primary","message":"say \"when\"","epoch":7,)"
      R"("outcome":"unknown","status":{"region":"eu","primary":null,"quorum":false}})"
      "\n";
  EXPECT_EQ(out,
            "HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
            "Content-Length: " +
                std::to_string(body.size()) +
                "\r\nRetry-After: 1\r\n"
                "Regent-Epoch: 7\r\nRegent-Region: eu\r\nConnection: close\r\n\r\n" +
                body);
}

}  // namespace
}  // namespace regent
