#include "gateway/http_check.h"

#include <string>

#include <gtest/gtest.h>

#include "gateway/http_head.h"

namespace regent {
namespace {

struct Case {
  const char* name;
  std::string request;
  unsigned status;  // 0: accepted
};

std::string with(const std::string& lines) {
  return "POST /orders HTTP/1.1\r\nHost: shop\r\n" + lines + "\r\n";
}
std::string line(const std::string& request_line) {
  return request_line + "\r\nHost: shop\r\n\r\n";
}

const Case kCases[] = {
    {"plain", with(""), 0},
    {"length", with("Content-Length: 5\r\n"), 0},
    {"chunked", with("Transfer-Encoding: chunked\r\n"), 0},
    {"chunked in capitals", with("TRANSFER-ENCODING: Chunked\r\n"), 0},
    {"empty value", with("X-Empty:\r\n"), 0},
    {"bytes above 127 in a value", with("X-Name: caf\xc3\xa9\r\n"), 0},
    {"tab in a value", with("X-Name: a\tb\r\n"), 0},
    {"options star", line("OPTIONS * HTTP/1.1"), 0},
    {"absolute target", line("GET http://shop/x HTTP/1.1"), 0},
    {"absolute target, other case", line("GET HTTP://SHOP/x HTTP/1.1"), 0},
    {"own method", line("PURGE /x HTTP/1.1"), 0},
    {"1.0 without host", "GET / HTTP/1.0\r\n\r\n", 0},

    {"length twice", with("Content-Length: 5\r\nContent-Length: 5\r\n"), 400},
    {"lengths differ", with("Content-Length: 5\r\nContent-Length: 6\r\n"), 400},
    {"length list", with("Content-Length: 5, 5\r\n"), 400},
    {"length with sign", with("Content-Length: +5\r\n"), 400},
    {"length negative", with("Content-Length: -5\r\n"), 400},
    {"length hexadecimal", with("Content-Length: 0x5\r\n"), 400},
    {"length empty", with("Content-Length:\r\n"), 400},
    {"length too large", with("Content-Length: 99999999999999999999\r\n"), 400},
    {"length and chunked", with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"chunked and length", with("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
    {"chunked twice", with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400},
    {"coding list", with("Transfer-Encoding: gzip, chunked\r\n"), 400},
    {"coding identity", with("Transfer-Encoding: identity\r\n"), 400},
    {"coding hidden", with("Transfer-Encoding: xchunked\r\n"), 400},
    {"coding with control",
     with("Transfer-Encoding: \x0b"
          "chunked\r\n"),
     400},
    {"space before colon", with("Content-Length : 5\r\n"), 400},
    {"tab before colon", with("Transfer-Encoding\t: chunked\r\n"), 400},
    {"folded", with("X-A: b\r\n c\r\n"), 400},
    {"folded first", "GET / HTTP/1.1\r\n Host: shop\r\n\r\n", 400},
    {"bare line feed", with("X-A: b\nContent-Length: 5\r\n"), 400},
    {"bare carriage return", with("X-A: b\rContent-Length: 5\r\n"), 400},
    {"zero byte", with(std::string("X-A: b\0c\r\n", 10)), 400},
    {"zero byte in name", with(std::string("X-A\0: c\r\n", 9)), 400},
    {"no name", with(": 5\r\n"), 400},
    {"no colon", with("Content-Length 5\r\n"), 400},
    {"name with brackets", with("X(A): 5\r\n"), 400},
    {"no host", "GET / HTTP/1.1\r\n\r\n", 400},
    {"host twice", with("Host: other\r\n"), 400},
    {"host with path", "GET / HTTP/1.1\r\nHost: shop/admin\r\n\r\n", 400},
    {"host with comma", "GET / HTTP/1.1\r\nHost: shop, other\r\n\r\n", 400},
    {"host with user", "GET / HTTP/1.1\r\nHost: me@shop\r\n\r\n", 400},
    {"host with a name for a port", "GET / HTTP/1.1\r\nHost: shop:http\r\n\r\n", 400},
    {"host with two ports", "GET / HTTP/1.1\r\nHost: shop:80:81\r\n\r\n", 400},
    {"host of a port alone", "GET / HTTP/1.1\r\nHost: :80\r\n\r\n", 400},
    {"host with an open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
    {"host with a closing bracket", "GET / HTTP/1.1\r\nHost: ::1]\r\n\r\n", 400},
    {"host with brackets in brackets", "GET / HTTP/1.1\r\nHost: [[::1]]\r\n\r\n", 400},
    {"host with empty brackets", "GET / HTTP/1.1\r\nHost: []\r\n\r\n", 400},
    {"host with text behind brackets", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400},
    {"host in brackets without a port", "GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n", 0},
    {"host in brackets with a port", "GET / HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 0},
    {"host with an empty port", "GET / HTTP/1.1\r\nHost: shop:\r\n\r\n", 0},
    {"host that is empty", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 0},
    {"overlong method", line(std::string(kMaxMethodBytes + 1, 'A') + " / HTTP/1.1"), 501},
    {"longest method", line(std::string(kMaxMethodBytes, 'A') + " / HTTP/1.1"), 0},
    {"absolute of a port alone", "GET http://:80/ HTTP/1.1\r\nHost: :80\r\n\r\n", 400},
    {"absolute of another host", line("GET http://other/x HTTP/1.1"), 400},
    {"absolute with user", line("GET http://me@shop/x HTTP/1.1"), 400},
    {"absolute without host", line("GET http:///x HTTP/1.1"), 400},
    {"star for get", line("GET * HTTP/1.1"), 400},
    {"no slash", line("GET x HTTP/1.1"), 400},
    {"fragment", line("GET /x#y HTTP/1.1"), 400},
    {"tab in the line", line("GET\t/x HTTP/1.1"), 400},
    {"two spaces", line("GET  /x HTTP/1.1"), 400},
    {"space at the end", line("GET /x HTTP/1.1 "), 400},
    {"no version", line("GET /x"), 400},
    {"lower-case version", line("GET /x http/1.1"), 400},
    {"version with more", line("GET /x HTTP/1.10"), 400},
    {"chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
    {"bad method", line("GE(T /x HTTP/1.1"), 400},
    {"version 2", line("GET /x HTTP/2.0"), 505},
    {"connect", line("CONNECT shop:443 HTTP/1.1"), 501},
    {"long target", line("GET /" + std::string(kMaxTargetBytes, 'a') + " HTTP/1.1"), 414},
    {"large headers", with("X-A: " + std::string(kMaxHeadBytes, 'a') + "\r\n"), 431},
    {"expectation", with("Expect: coffee\r\n"), 417},
};

TEST(HttpCheck, AcceptsOnlyWhatEveryoneReadsTheSame) {
  for (const Case& test : kCases) {
    RequestHead head;
    const HeadProblem problem = head.parse(test.request);
    EXPECT_EQ(problem.status, test.status) << test.name << ": " << problem.reason;
  }
}

TEST(HttpCheck, RefusesAnIncompleteHeadAsSoonAsItCanNotBecomeGood) {
  EXPECT_EQ(check_partial_request("GET / HT").status, 0U);
  EXPECT_EQ(check_partial_request("GET /\r\n").status, 400U);  // HTTP/0.9
  EXPECT_EQ(check_partial_request("GET / HTTP/2.0\r\n").status, 505U);
  EXPECT_EQ(check_partial_request("GET /#x HTTP/1.1\r\nHost").status, 400U);
  EXPECT_EQ(check_partial_request("GET / HTTP/1.1\r\nHost: a\r").status, 0U);
  EXPECT_EQ(check_partial_request("GET / HTTP/1.1\nHost: a\n\n").status, 400U);
  EXPECT_EQ(check_partial_request("GET / HTTP/1.1\r\nX: a\rb").status, 400U);
  EXPECT_EQ(check_partial_request(std::string("\x16\x03\x01\x02", 4)).status, 400U);
  EXPECT_EQ(check_partial_request("GET /" + std::string(kMaxTargetBytes + 100, 'a')).status, 414U);
  EXPECT_EQ(check_partial_request("GET / HTTP/1.1\r\nX: " + std::string(kMaxHeadBytes, 'a')).status,
            431U);
}

TEST(HttpCheck, LookingOnFromWhereOneWasFindsTheSame) {
  const std::string good = "GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
  const std::string bad = "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n";
  for (std::size_t seen = 0; seen < good.size(); ++seen) {
    EXPECT_EQ(head_length(good, seen), good.size()) << seen;
  }
  bool found = false;
  for (std::size_t size = 1; size < bad.size(); ++size) {
    found = found || check_partial_request(bad.substr(0, size), size - 1).status == 400U;
  }
  EXPECT_TRUE(found);
  // What was looked at is not looked at again.
  EXPECT_EQ(check_partial_request("GET / HTTP/1.1\r\nX: \x01 and more", 24).status, 0U);
}

TEST(HttpCheck, AnswersAreCheckedAsWell) {
  const auto status = [](const std::string& lines) {
    ResponseHead head;
    return head.parse(lines + "\r\n").status;
  };
  EXPECT_EQ(status("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"), 0U);
  EXPECT_NE(status("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n"), 0U);
  EXPECT_NE(status("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 0U);
  EXPECT_NE(status("HTTP/1.1 200 OK\r\nX: a\r\n b\r\n"), 0U);
  EXPECT_NE(status("HTTP/1.1 200 OK\r\nX: a\nY: b\r\n"), 0U);
  EXPECT_NE(status("HTTP/2 200 OK\r\n"), 0U);
  EXPECT_NE(status("HTTP/1.1 20 OK\r\n"), 0U);
}

TEST(HttpCheck, RefusesAnIncompleteAnswerAsSoonAsItCanNotBecomeGood) {
  EXPECT_EQ(check_partial_response("HTT").status, 0U);
  EXPECT_EQ(check_partial_response("HTTP/1.1 200 OK\r\nX: a\r").status, 0U);
  EXPECT_NE(check_partial_response("HTTP/1.1 200 OK\nX: a\n\n").status, 0U);
  EXPECT_NE(check_partial_response("HTTP/2 200 OK").status, 0U);
  EXPECT_NE(check_partial_response("220 mail").status, 0U);
  EXPECT_NE(check_partial_response("HTTP/1.1 200 OK\r\n" + std::string(kMaxHeadBytes, 'a')).status,
            0U);
}

TEST(HttpHead, SaysWhatTheRequestIs) {
  const std::string text =
      "PUT /x HTTP/1.1\r\nHost: shop\r\nConnection: close, X-Mine\r\nExpect: 100-continue\r\n"
      "Idempotency-Key: 7\r\nContent-Length: 12\r\n\r\n";
  RequestHead head;
  ASSERT_EQ(head.parse(text).status, 0U);
  EXPECT_EQ(head.method, "PUT");
  EXPECT_EQ(head.target, "/x");
  EXPECT_EQ(head.request_class, RequestClass::write);
  EXPECT_FALSE(head.keep_alive);
  EXPECT_TRUE(head.expects_continue);
  EXPECT_TRUE(head.has_idempotency_key);
  EXPECT_EQ(head.content_length, 12U);
  ASSERT_EQ(head.connection_options.size(), 1U);
  EXPECT_EQ(head.connection_options[0], "X-Mine");
}

TEST(HttpHead, OnlySafeMethodsAreReads) {
  const auto is_read = [](const std::string& method) {
    RequestHead head;
    const std::string text = line(method + " /x HTTP/1.1");
    EXPECT_EQ(head.parse(text).status, 0U);
    return head.request_class == RequestClass::read;
  };
  for (const char* method : {"GET", "HEAD", "OPTIONS", "TRACE"}) EXPECT_TRUE(is_read(method));
  for (const char* method : {"POST", "PUT", "PATCH", "DELETE", "PURGE", "get", "REPORT"}) {
    EXPECT_FALSE(is_read(method)) << method;
  }
}

TEST(HttpHead, KeepsConnectionsByVersionAndWish) {
  const auto keeps = [](const std::string& first, const std::string& lines) {
    RequestHead head;
    const std::string text = first + "\r\nHost: a\r\n" + lines + "\r\n";
    EXPECT_EQ(head.parse(text).status, 0U);
    return head.keep_alive;
  };
  EXPECT_TRUE(keeps("GET / HTTP/1.1", ""));
  EXPECT_FALSE(keeps("GET / HTTP/1.1", "Connection: close\r\n"));
  EXPECT_FALSE(keeps("GET / HTTP/1.0", ""));
  EXPECT_TRUE(keeps("GET / HTTP/1.0", "Connection: keep-alive\r\n"));
}

}  // namespace
}  // namespace regent
