// Small pictures for the tests, written by libpng and libjpeg themselves.
#pragma once

#include <jpeglib.h>
#include <png.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/unit/data/data_files.h"

namespace skiptrain::data {

struct PngForm {
  int colour = PNG_COLOR_TYPE_GRAY;
  int bits = 8;
  std::vector<png_color> palette;
};

// `rows` as they lie in the file: interleaved, big-endian 16 bits, packed below 8.
inline void write_png_rows(const std::string& file, std::uint32_t width,
                           const std::vector<ByteString>& rows, const PngForm& form = {}) {
  std::FILE* out = std::fopen(file.c_str(), "wb");
  ASSERT_NE(out, nullptr) << file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_init_io(png, out);
  png_set_IHDR(png, info, width, static_cast<png_uint_32>(rows.size()), form.bits, form.colour,
               PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!form.palette.empty()) {
    png_set_PLTE(png, info, form.palette.data(), static_cast<int>(form.palette.size()));
  }
  png_write_info(png, info);
  for (const ByteString& row : rows) png_write_row(png, row.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  std::fclose(out);
}

// A grey picture of one shade.
inline void write_grey(const std::string& file, std::uint32_t width, std::uint32_t height,
                       std::uint8_t shade) {
  write_png_rows(file, width, std::vector<ByteString>(height, ByteString(width, shade)));
}

// Of one colour, at the best quality; `channels` 1, 3, or 4 for CMYK.
inline ByteString jpeg_bytes(std::uint32_t width, std::uint32_t height, int channels,
                             std::uint8_t shade) {
  jpeg_compress_struct info;
  jpeg_error_mgr errors;
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &memory, &size);
  info.image_width = width;
  info.image_height = height;
  info.input_components = channels;
  info.in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  jpeg_start_compress(&info, TRUE);
  ByteString row(width * static_cast<std::size_t>(channels), shade);
  JSAMPROW rows = row.data();
  while (info.next_scanline < info.image_height) jpeg_write_scanlines(&info, &rows, 1);
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  ByteString bytes(memory, memory + size);
  std::free(memory);
  return bytes;
}

}  // namespace skiptrain::data
