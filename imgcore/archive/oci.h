/* Names that writing and reading OCI images share. Private to the library. */
#ifndef FERRY_ARCHIVE_OCI_H
#define FERRY_ARCHIVE_OCI_H

#define OCI_LAYOUT "oci-layout"
#define OCI_INDEX "index.json"
#define OCI_BLOBS "blobs/sha256/"
#define OCI_DIGEST "sha256:"
#define OCI_TYPE_MANIFEST "application/vnd.oci.image.manifest.v1+json"
#define OCI_TYPE_CONFIG "application/vnd.oci.image.config.v1+json"
#define OCI_TYPE_LAYER "application/vnd.oci.image.layer.v1.tar"

#endif
