#include "ctl/debug/tar_file.h"

#include <archive.h>
#include <archive_entry.h>

#include <ctime>
#include <utility>

#include "ctl/files.h"

namespace skiptrain::ctl {
namespace {

constexpr int kMemberMode = 0600;

}  // namespace

struct TarFile::Writer {
  explicit Writer(AtomicFile to) : file(std::move(to)), archive(archive_write_new()) {}
  ~Writer() { archive_write_free(archive); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Error error() const {
    if (!written) return written.error();
    const char* text = archive_error_string(archive);
    return {ErrorCode::kInternal, std::string("cannot write the archive: ") + (text ? text : "")};
  }

  static la_ssize_t write(struct archive* archive, void* self, const void* data, std::size_t size) {
    Writer& writer = *static_cast<Writer*>(self);
    writer.written = writer.file.write({static_cast<const char*>(data), size});
    if (writer.written) return static_cast<la_ssize_t>(size);
    archive_set_error(archive, -1, "%s", writer.written.error().message.c_str());
    return -1;
  }

  AtomicFile file;
  struct archive* archive;
  Status written;
};

TarFile::TarFile(std::unique_ptr<Writer> writer) : writer_(std::move(writer)) {}
TarFile::TarFile(TarFile&&) noexcept = default;
TarFile::~TarFile() = default;

Result<TarFile> TarFile::create(const std::string& path) {
  auto file = AtomicFile::create(path, FileAccess::kOwnerOnly);
  if (!file) return tl::unexpected<Error>(std::move(file.error()));
  auto writer = std::make_unique<Writer>(*std::move(file));
  if (archive_write_set_format_pax_restricted(writer->archive) != ARCHIVE_OK ||
      archive_write_open(writer->archive, writer.get(), nullptr, Writer::write, nullptr) !=
          ARCHIVE_OK) {
    return tl::unexpected<Error>(writer->error());
  }
  return TarFile(std::move(writer));
}

Status TarFile::add(const std::string& name, std::string_view contents) {
  const std::unique_ptr<archive_entry, decltype(&archive_entry_free)> entry(archive_entry_new(),
                                                                            archive_entry_free);
  archive_entry_set_pathname(entry.get(), name.c_str());
  archive_entry_set_filetype(entry.get(), AE_IFREG);
  archive_entry_set_perm(entry.get(), kMemberMode);
  archive_entry_set_size(entry.get(), static_cast<la_int64_t>(contents.size()));
  archive_entry_set_mtime(entry.get(), std::time(nullptr), 0);
  if (archive_write_header(writer_->archive, entry.get()) != ARCHIVE_OK ||
      archive_write_data(writer_->archive, contents.data(), contents.size()) !=
          static_cast<la_ssize_t>(contents.size())) {
    return tl::unexpected<Error>(writer_->error());
  }
  return {};
}

Status TarFile::commit() {
  if (archive_write_close(writer_->archive) != ARCHIVE_OK) {
    return tl::unexpected<Error>(writer_->error());
  }
  return writer_->file.commit();
}

}  // namespace skiptrain::ctl
