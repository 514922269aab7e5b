// Samples as pictures: side by side in a terminal, or on a sheet for a file.
//
// Bytes are shown as they are; floats from their sample's smallest (black) to its largest (white).
// Of samples with three channels or more the first three are red, green, blue; of others, the first
// is grey. Pure functions.
#pragma once

#include <string>
#include <vector>

#include "data/dataset.h"
#include "data/image_file.h"

namespace skiptrain::ctl {

// Whether a sample is worth a picture: it has height and width.
bool is_picture(const data::ImageShape& shape);

// The sample at `index`, with 1 or 3 channels.
data::Image picture_of(const data::Dataset& samples, std::size_t index);
// All of them in rows on a white sheet, each dot of a small one as a square of several.
data::Image sheet_of(const data::Dataset& samples);

// As many as there is room for side by side, in rows; lines without line ends. With `colour`, two
// dots stand in one character, by ANSI's 24-bit colours; else one in a character, from ' ' to '@'.
std::vector<std::string> drawn(const data::Dataset& samples, int width, bool colour);

}  // namespace skiptrain::ctl
