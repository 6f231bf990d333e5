// Stands in for the description of buf/validate/validate.proto in the browser (vite.config.ts). The
// generated contracts name it, because their fields carry rules; the rules are kept by the services, and
// the real description would double the size of the page's script.

import { create, toBinary } from "@bufbuild/protobuf";
import { fileDesc } from "@bufbuild/protobuf/codegenv2";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

/** A file of that name with nothing in it: rules stay unknown fields, which nobody here reads. */
export const file_buf_validate_validate = fileDesc(
  base64Encode(
    toBinary(
      FileDescriptorProtoSchema,
      create(FileDescriptorProtoSchema, { name: "buf/validate/validate.proto" }),
    ),
  ),
);
