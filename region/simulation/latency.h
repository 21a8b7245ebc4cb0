#pragma once

#include <cstdint>
#include <span>

#include "quorum/types.h"

namespace regent::simulation {

// Places with a known distance: ten data-centre regions of one cloud provider around the world.
inline constexpr std::uint16_t kSites = 10;
const char* site_name(std::uint16_t site);

// There and back between two sites, as measured on average between those regions in 2017
// (Amazon Web Services; published as a table in milliseconds). Symmetric; zero for one site.
Duration round_trip(std::uint16_t a, std::uint16_t b);

}  // namespace regent::simulation
