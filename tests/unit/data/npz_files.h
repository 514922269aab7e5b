// Small .npz files for the tests.
#pragma once

#include <zip.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/unit/data/npy_files.h"

namespace skiptrain::data {

using Members = std::vector<std::pair<std::string, ByteString>>;

// A zip file of these members, names with their ".npy".
inline void write_zip(const std::string& file, const Members& members,
                      zip_int32_t method = ZIP_CM_DEFLATE) {
  int code = 0;
  zip_t* archive = zip_open(file.c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  ASSERT_NE(archive, nullptr) << code;
  for (const auto& [name, bytes] : members) {
    zip_source_t* source = zip_source_buffer(archive, bytes.data(), bytes.size(), 0);
    const zip_int64_t index = zip_file_add(archive, name.c_str(), source, 0);
    ASSERT_GE(index, 0) << zip_strerror(archive);
    ASSERT_EQ(zip_set_file_compression(archive, static_cast<zip_uint64_t>(index), method, 0), 0);
  }
  ASSERT_EQ(zip_close(archive), 0) << zip_strerror(archive);
}

}  // namespace skiptrain::data
