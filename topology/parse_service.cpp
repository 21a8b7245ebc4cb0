#include <algorithm>
#include <tuple>

#include "topology/parse.h"

namespace regent {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr std::uint32_t kMaxCount = 1000;
// Connections of other protocols are meant to be kept, with nothing said for long.
constexpr Duration kTcpIdle = hours(1);

void parse_health(const Field& field, HealthCheck& health) {
  const Section section(field, {"path", "interval", "timeout", "rise", "fall"});
  if (const auto path = section.find("path")) {
    if (const auto text = path->text()) {
      if (text->front() != '/' || text->find_first_of(" #") != std::string::npos) {
        path->error("must be a path such as /health, without spaces");
      } else {
        health.path = *text;
      }
    }
  }
  section.duration("interval", milliseconds(10), hours(1), health.interval);
  section.duration("timeout", milliseconds(1), hours(1), health.timeout);
  section.integer("rise", 1, kMaxCount, health.rise);
  section.integer("fall", 1, kMaxCount, health.fall);
  if (health.timeout > health.interval && !field.findings().broken(field.path())) {
    field.findings().warn(field.path() + (section.has("timeout") ? ".timeout" : ".interval"),
                          "the timeout is longer than the interval: a silent backend is noticed "
                          "later than the interval suggests");
  }
}

void parse_tls_files(const Field& field, Service& service) {
  const Section section(field, {"cert", "key"});
  const auto cert = section.need("cert");
  const auto key = section.need("key");
  TlsFiles files;
  if (cert) files.cert = cert->text().value_or("");
  if (key) files.key = key->text().value_or("");
  if (files.cert.empty() || files.key.empty()) return;
  const bool known = std::any_of(service.tls.begin(), service.tls.end(),
                                 [&](const TlsFiles& other) { return other.cert == files.cert; });
  if (known) {
    field.error("the certificate " + printable(files.cert) + " stands in this list twice");
    return;
  }
  service.tls.push_back(std::move(files));
}

// One pair of files, or a list of them whose order counts: the first is the default.
void parse_tls(const Field& field, Service& service) {
  if (field.value().kind != YamlValue::Kind::list) {
    if (field.value().kind == YamlValue::Kind::map) return parse_tls_files(field, service);
    return field.error("must be a map with cert and key, or a list of such maps");
  }
  const std::vector<Field> items = field.items();
  if (items.empty()) {
    return field.error("must hold at least one map with cert and key (leave it out for no TLS)");
  }
  if (items.size() > kMaxCertificatesPerService) {
    return field.error("more than " + std::to_string(kMaxCertificatesPerService) + " certificates");
  }
  for (const Field& item : items) parse_tls_files(item, service);
}

void parse_backends(const Field& field, const Topology& topology, Service& service) {
  for (const auto& [name, list] : field.named()) {
    const auto region = topology.find_region(name);
    if (!region) {
      list.error("there is no region " + name);
      continue;
    }
    std::vector<Address>& out = service.backends[region->value];
    const std::vector<Field> items = list.items();
    if (items.size() > kMaxBackendsPerRegion) {
      list.error("more than " + std::to_string(kMaxBackendsPerRegion) + " backends");
      continue;
    }
    for (const Field& item : items) {
      const auto address = item.address(0);
      if (!address) continue;
      if (std::find(out.begin(), out.end(), *address) != out.end()) {
        item.error(address->text() + " stands in this list twice");
        continue;
      }
      out.push_back(*address);
    }
    std::sort(out.begin(), out.end(), [](const Address& a, const Address& b) {
      return std::tie(a.host, a.port) < std::tie(b.host, b.port);
    });
  }
}

// Keys that mean something in the other protocol only.
void check_protocol(const Section& section, const Field& field, const Service& service) {
  Findings& findings = field.findings();
  if (service.protocol == Protocol::tcp) {
    for (const char* key : {"reads", "max_body"}) {
      if (section.has(key)) {
        findings.warn(field.path() + "." + key, "has no effect: a tcp service knows no requests");
      }
    }
  } else if (service.proxy_protocol) {
    findings.error(field.path() + ".proxy_protocol",
                   "is for tcp services only: http backends get X-Forwarded-For");
  }
}

void parse_limits(const Section& section, Service& service) {
  if (service.protocol == Protocol::tcp) service.timeouts.idle = kTcpIdle;
  if (const auto field = section.find("timeouts")) parse_timeouts(*field, service);
  if (const auto field = section.find("backend_limits")) {
    parse_backend_limits(*field, service.backend_limits);
  }
  if (const auto field = section.find("ejection")) parse_ejection(*field, service.ejection);
}

void parse_service(const Field& field, const std::string& name, Topology& topology) {
  Service& service = topology.services.emplace_back();
  service.name = name;
  service.backends.resize(topology.regions.size());
  const Section section(
      field, {"protocol", "port", "reads", "hold", "min_backends", "max_body", "proxy_protocol",
              "tls", "timeouts", "backend_limits", "ejection", "health", "backends"});
  section.choice("protocol", {"http", "tcp"}, service.protocol);
  if (section.need("port")) section.port("port", service.port);
  section.choice("reads", {"local", "primary"}, service.reads);
  section.duration("hold", milliseconds(0), hours(1), service.hold);
  section.integer("min_backends", 0, kMaxCount, service.min_backends);
  if (const auto body = section.find("max_body")) {
    service.max_body_bytes = body->bytes(" (leave it out for no limit)").value_or(0);
  }
  if (const auto proxy = section.find("proxy_protocol")) {
    service.proxy_protocol = proxy->choice({"v2"}).has_value();
  }
  check_protocol(section, field, service);
  if (const auto tls = section.find("tls")) parse_tls(*tls, service);
  parse_limits(section, service);
  if (const auto health = section.find("health")) parse_health(*health, service.health);
  if (const auto backends = section.find("backends")) parse_backends(*backends, topology, service);
}

}  // namespace

void parse_services(const Field& field, Topology& topology) {
  const auto named = field.named();
  if (named.size() > kMaxTopologyServices) {
    field.error("more than " + std::to_string(kMaxTopologyServices) + " services");
    return;
  }
  for (const auto& [name, inner] : named) parse_service(inner, name, topology);
}

}  // namespace regent
