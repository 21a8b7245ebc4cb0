#include "gateway/proxy_protocol.h"

#include <gtest/gtest.h>

namespace regent {
namespace {

using Poco::Net::SocketAddress;

std::string bytes(std::initializer_list<unsigned> values) {
  std::string text;
  for (const unsigned value : values) text.push_back(static_cast<char>(value));
  return text;
}

// What every header begins with.
const std::string kSignature =
    bytes({0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A});

TEST(ProxyProtocol, Ipv4) {
  const std::string expected =
      kSignature + bytes({0x21, 0x11, 0x00, 0x17,        // version 2, PROXY; TCP4; 23 bytes follow
                          10, 0, 1, 7, 192, 168, 2, 250,  // the addresses
                          0xC0, 0x01, 0x15, 0x38,         // ports 49153 and 5432
                          0xE0, 0x00, 0x08,               // the epoch, 8 bytes
                          0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08});
  EXPECT_EQ(proxy_header(SocketAddress("10.0.1.7", 49153), SocketAddress("192.168.2.250", 5432),
                         Epoch{0x0102030405060708}),
            expected);
  EXPECT_EQ(expected.size(), 39U);
}

TEST(ProxyProtocol, Ipv6) {
  const std::string expected =
      kSignature + bytes({0x21, 0x21, 0x00, 0x2F,  // TCP6; 47 bytes follow
                          0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x01,
                          0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xAB, 0xCD,
                          0x00, 0x50, 0xFF, 0xFF,  // ports 80 and 65535
                          0xE0, 0x00, 0x08, 0, 0, 0, 0, 0, 0, 0, 7});
  EXPECT_EQ(proxy_header(SocketAddress("2001:db8::1", 80), SocketAddress("fe80::abcd", 65535),
                         Epoch{7}),
            expected);
  EXPECT_EQ(expected.size(), 63U);
}

TEST(ProxyProtocol, Ipv4ClientOfAnIpv6PortIsMapped) {
  const std::string expected =
      kSignature + bytes({0x21, 0x21, 0x00, 0x2F,
                          0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 10, 0, 1, 7,
                          0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
                          0x00, 0x01, 0x00, 0x02,
                          0xE0, 0x00, 0x08, 0, 0, 0, 0, 0, 0, 0, 7});
  EXPECT_EQ(proxy_header(SocketAddress("10.0.1.7", 1), SocketAddress("::1", 2), Epoch{7}),
            expected);
}

TEST(ProxyProtocol, UnknownAddressLeavesTheEpoch) {
  const std::string expected = kSignature + bytes({0x21, 0x00, 0x00, 0x0B,  // UNSPEC
                                                   0xE0, 0x00, 0x08, 0, 0, 0, 0, 0, 0, 0, 7});
  EXPECT_EQ(proxy_header(SocketAddress(), SocketAddress("10.0.1.7", 80), Epoch{7}), expected);
}

}  // namespace
}  // namespace regent
