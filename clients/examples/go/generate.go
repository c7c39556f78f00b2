// Package almeno holds two programs: lend, a client, and gateway, which serves JSON over HTTP.
package almeno

//go:generate sh -c "protoc -I ../../../protos -I $GOOGLEAPIS --go_out=. --go_opt=module=almeno --go-grpc_out=. --go-grpc_opt=module=almeno --grpc-gateway_out=. --grpc-gateway_opt=module=almeno,grpc_api_configuration=../../../protos/rest.yaml --openapiv2_out=gateway --openapiv2_opt=allow_merge=true,merge_file_name=almeno,grpc_api_configuration=../../../protos/rest.yaml ../../../protos/almeno/credit/v1/*.proto"
