// Asks once and prints the answer as it comes. usage: go run . [HOST:PORT]
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"example.com/llmservice-client/pb"
)

func main() {
	target := "127.0.0.1:50051"
	if len(os.Args) > 1 {
		target = os.Args[1]
	}
	if err := ask(target); err != nil {
		// google.rpc.Status says more: reason, when to retry, usage.
		failed := status.Convert(err)
		fmt.Fprintf(os.Stderr, "%v: %s (%d details)\n", failed.Code(), failed.Message(), len(failed.Details()))
		os.Exit(1)
	}
}

func ask(target string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if token := os.Getenv("LLMSERVICE_TOKEN"); token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	// Over a network: credentials.NewTLS(&tls.Config{}).
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer conn.Close()
	maxTokens := int32(24)
	stream, err := pb.NewLLMServiceClient(conn).InvokeStream(ctx, &pb.LLMRequest{
		Provider:  "local",
		Model:     "smollm2-135m-instruct",
		Messages:  []*pb.ChatMessage{{Role: "user", Content: "Say hello in five words."}},
		MaxTokens: &maxTokens,
	})
	if err != nil {
		return err
	}
	for {
		event, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Print(event.GetContent())
		if event.GetType() == pb.StreamEventType_STREAM_EVENT_TYPE_FINISH {
			used := event.GetUsage()
			fmt.Fprintf(os.Stderr, "\n%d tokens in, %d out\n", used.GetInputTokens(), used.GetOutputTokens())
		}
	}
}
