#include "gateway/tunnel_opening.h"

#include <gtest/gtest.h>

namespace regent {
namespace {

using Poco::Net::SocketAddress;

const std::string kHead =
    "CONNECT ledger:5432 HTTP/1.1\r\nHost: ledger:5432\r\nRegent-Service: ledger\r\n"
    "Regent-Client: 192.0.2.7:49153\r\nRegent-Local: 10.0.2.10:5432\r\n\r\n";

std::string without(std::string_view part) {
  std::string head = kHead;
  head.erase(head.find(part), part.size());
  return head;
}

TEST(TunnelOpening, SaysServiceAndAddresses) {
  const TunnelOpening opening{"ledger", SocketAddress("192.0.2.7", 49153),
                              SocketAddress("10.0.2.10", 5432)};
  EXPECT_EQ(opening_request(opening), kHead);
  EXPECT_TRUE(is_tunnel_opening(kHead));
  const auto parsed = parse_opening_request(kHead);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->service, "ledger");
  EXPECT_EQ(parsed->client, opening.client);
  EXPECT_EQ(parsed->local, opening.local);
}

TEST(TunnelOpening, Ipv6) {
  const TunnelOpening opening{"ledger", SocketAddress("2001:db8::1", 49153),
                              SocketAddress("fe80::2", 5432)};
  const auto parsed = parse_opening_request(opening_request(opening));
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->client, opening.client);
  EXPECT_EQ(parsed->local, opening.local);
}

TEST(TunnelOpening, WhatALaterVersionAddsIsIgnored) {
  std::string head = kHead;
  head.insert(head.size() - 2, "Regent-Colour: blue\r\n");
  EXPECT_TRUE(parse_opening_request(head));
}

TEST(TunnelOpening, MalformedOnesAreRefused) {
  for (const std::string_view part :
       {"Regent-Service: ledger\r\n", "Regent-Client: 192.0.2.7:49153\r\n",
        "Regent-Local: 10.0.2.10:5432\r\n", "49153", ":49153", " HTTP/1.1", "CONNECT ",
        "\r\n\r\n"}) {
    EXPECT_FALSE(parse_opening_request(without(part))) << part;
  }
  std::string twice = kHead;
  twice.insert(twice.size() - 2, "regent-service: other\r\n");
  EXPECT_FALSE(parse_opening_request(twice));
  // No name is looked up.
  std::string name = kHead;
  name.replace(name.find("192.0.2.7"), 9, "localhost");
  EXPECT_FALSE(parse_opening_request(name));
  std::string port = kHead;
  port.replace(port.find("49153"), 5, "70000");
  EXPECT_FALSE(parse_opening_request(port));
}

TEST(TunnelOpening, TheAnswerCarriesTheEpoch) {
  EXPECT_EQ(parse_opening_answer(opening_answer(Epoch{7})), Epoch{7});
  EXPECT_FALSE(parse_opening_answer("HTTP/1.1 200 OK\r\n\r\n"));
  EXPECT_FALSE(parse_opening_answer("HTTP/1.1 200 OK\r\nRegent-Epoch: 7x\r\n\r\n"));
  EXPECT_FALSE(
      parse_opening_answer("HTTP/1.1 200 OK\r\nRegent-Epoch: 18446744073709551615\r\n\r\n"));
  EXPECT_FALSE(parse_opening_answer(
      "HTTP/1.1 421 Misdirected Request\r\nRegent-Epoch: 7\r\nContent-Length: 0\r\n\r\n"));
}

}  // namespace
}  // namespace regent
