#pragma once

#include <Poco/JSON/Object.h>

#include "gateway/drill/fault_order.h"

namespace regent {

// As under "faults" in GET /v1/status.
Poco::JSON::Object::Ptr faults_json(const FaultsStatus& faults, Instant now);

}  // namespace regent
