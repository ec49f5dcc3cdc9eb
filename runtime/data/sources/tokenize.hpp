// Texts to a token file, on several threads.
#pragma once

#include "runtime/data/documents.hpp"
#include "runtime/data/sources/token_file.hpp"
#include "runtime/tokenizer/tokenizer.hpp"

namespace dsrun {

// Encodes every document and writes it, with the writer's end token behind it if there is one, in the order in which
// they come: the file is the same for any number of threads. Holds a few megabytes of text a thread, or the largest
// documents. Throws DataError, TokenizerError.
void tokenize_documents(DocumentReader& reader, const Tokenizer& tokenizer, unsigned threads, TokenFileWriter& writer);

}  // namespace dsrun
