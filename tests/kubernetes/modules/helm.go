//go:build tools

// What go.mod keeps beside the server.
package modules

import _ "helm.sh/helm/v3/cmd/helm"
