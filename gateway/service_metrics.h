#pragma once

#include <vector>

#include <prometheus/metric_family.h>

#include "gateway/status.h"

namespace regent {

// What /metrics shows of the services, their backends and their certificates, among which the
// gateway's own has no labels. Made anew from the status for each page, so what a reload has
// removed is gone from it at once.
std::vector<prometheus::MetricFamily> service_families(const std::vector<ServiceStatus>& services,
                                                       double own_certificate_seconds_left);

}  // namespace regent
