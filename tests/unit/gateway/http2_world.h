#pragma once

#include <gtest/gtest.h>

#include "tests/unit/gateway/http2_client.h"
#include "tests/unit/gateway/proxy_world.h"

// A service with TLS, for clients of HTTP/2.
namespace regent::test {

inline constexpr std::uint8_t kData = NGHTTP2_DATA;
inline constexpr std::uint8_t kHeaders = NGHTTP2_HEADERS;
inline constexpr std::uint8_t kContinuation = NGHTTP2_CONTINUATION;
inline constexpr std::uint8_t kEndStream = NGHTTP2_FLAG_END_STREAM;
inline constexpr std::uint8_t kEndHeaders = NGHTTP2_FLAG_END_HEADERS;

// HPACK's plainest form: a literal that is not indexed.
inline std::string literal(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name +
         static_cast<char>(value.size()) + value;
}

inline std::string request_block(const std::string& path = "/", const std::string& method = "GET") {
  return literal(":method", method) + literal(":scheme", "https") + literal(":authority", "shop") +
         literal(":path", path);
}

inline bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

inline std::string answer_with(const std::string& body, const std::string& fields = "") {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields +
         "\r\n" + body;
}

inline std::string pattern(std::size_t size) {
  std::string text(size, ' ');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + (i * 7 + i / 1000) % 26);
  return text;
}

class Http2World : public ::testing::Test {
 protected:
  // A world with one backend in the east that runs the script; east is primary and shows clients
  // its own certificate.
  void serve(Backend::Script script) {
    backend_ = std::make_unique<Backend>(host(Host::backends), std::move(script));
    world_.add_backend(kEast, backend_->port());
    world_.topology().services[0].tls = {
        {world_.certificates() + "/east.gw1.crt", world_.certificates() + "/east.gw1.key"}};
    world_.start();
    world_.primary(kEast);
  }
  void serve_ok() { serve(answer_ok(log_)); }
  std::unique_ptr<Http2Client> client(Http2Client::Options options = {}) {
    return std::make_unique<Http2Client>(world_.east().host, world_.east().port, options);
  }

  Log log_;
  ProxyLimits limits_;
  World world_{[](Service& service) { service.max_body_bytes = 20'000'000; }, limits_};
  std::unique_ptr<Backend> backend_;
};

}  // namespace regent::test
