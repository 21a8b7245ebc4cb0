#include "gateway/service_metrics.h"

#include <string>
#include <utility>

namespace regent {
namespace {

using Labels = std::vector<prometheus::ClientMetric::Label>;
using prometheus::MetricFamily;
using prometheus::MetricType;

void add(MetricFamily& family, const Labels& labels, double value) {
  prometheus::ClientMetric metric;
  metric.label = labels;
  if (family.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(std::move(metric));
}

}  // namespace

std::vector<MetricFamily> service_families(const std::vector<ServiceStatus>& services,
                                           double own_certificate_seconds_left) {
  MetricFamily healthy{"regent_backend_healthy",
                       "1 while a backend of this region passes its health check",
                       MetricType::Gauge,
                       {}};
  MetricFamily ejected{"regent_backend_ejected",
                       "1 while a backend is set aside for the requests it failed",
                       MetricType::Gauge,
                       {}};
  MetricFamily ejections{"regent_backend_ejections_total",
                         "How often a backend was set aside",
                         MetricType::Counter,
                         {}};
  MetricFamily requests{"regent_backend_requests",
                        "Requests and connections under way at a backend of this region",
                        MetricType::Gauge,
                        {}};
  MetricFamily queued{"regent_requests_queued",
                      "Requests and connections that wait for room at a backend",
                      MetricType::Gauge,
                      {}};
  MetricFamily certificates{
      "regent_certificate_expiry_seconds",
      "Until a certificate expires, of a service or (without labels) this gateway's; "
      "negative: has expired",
      MetricType::Gauge,
      {}};
  add(certificates, {}, own_certificate_seconds_left);
  for (const ServiceStatus& service : services) {
    add(queued, {{"service", service.name}}, service.queued);
    for (const BackendStatus& backend : service.backends) {
      const Labels labels{{"address", backend.address}, {"service", service.name}};
      add(healthy, labels, backend.healthy ? 1 : 0);
      add(ejected, labels, backend.ejected ? 1 : 0);
      add(ejections, labels, static_cast<double>(backend.ejections));
      add(requests, labels, backend.requests);
    }
    for (const CertificateStatus& shown : service.certificates) {
      add(certificates, {{"file", shown.file}, {"service", service.name}}, shown.seconds_left);
    }
  }
  return {std::move(healthy),  std::move(ejected), std::move(ejections),
          std::move(requests), std::move(queued),  std::move(certificates)};
}

}  // namespace regent
