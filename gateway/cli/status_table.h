#pragma once

#include <Poco/JSON/Object.h>

#include <string>

// The cluster at a glance, as text for a person.
namespace regent::cli {

// `status`: what GET /v1/status answered; `source`: which gateway it came from. Keys that are
// missing are left out. `colour`: with terminal colours.
std::string status_table(const Poco::JSON::Object& status, const std::string& source, bool colour);

}  // namespace regent::cli
