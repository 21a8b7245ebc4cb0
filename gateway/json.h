#pragma once

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include <string>
#include <vector>

// What everything that shows JSON needs. Any thread.
namespace regent {

// An empty object that keeps its keys in the order they are set.
Poco::JSON::Object::Ptr ordered_object();

Poco::JSON::Array::Ptr strings_json(const std::vector<std::string>& strings);

// One line of JSON, ending with a newline.
std::string json_text(const Poco::JSON::Object& object);

}  // namespace regent
