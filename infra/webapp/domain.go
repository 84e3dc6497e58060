package webapp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/pulumi/pulumi-aws/sdk/v6/go/aws/apigateway"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

// domain makes the stage reachable under a name of one's own
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-custom-domains.html).
func (b builder) domain(api *restAPI) error {
	if b.args.DomainName == "" {
		return nil
	}
	domain, err := apigateway.NewDomainName(b.ctx, b.name, &apigateway.DomainNameArgs{
		DomainName:             pulumi.String(b.args.DomainName),
		RegionalCertificateArn: optional(b.args.DomainCertificate),
		// Of those the provider takes; it includes TLS 1.3 for regional domains.
		SecurityPolicy: pulumi.String("TLS_1_2"),
		EndpointConfiguration: apigateway.DomainNameEndpointConfigurationArgs{
			Types:         pulumi.String("REGIONAL"),
			IpAddressType: pulumi.String(b.args.addresses().kind),
		},
	}, b.parent, when(b.args.Protect, pulumi.Protect(true)))
	if err != nil {
		return fmt.Errorf("domain: %w", err)
	}
	mapping := &apigateway.BasePathMappingArgs{DomainName: domain.DomainName, RestApi: api.api.ID(),
		StageName: api.stage.StageName}
	if b.args.DomainBasePath != "" {
		mapping.BasePath = pulumi.String(b.args.DomainBasePath)
	}
	if _, err := apigateway.NewBasePathMapping(b.ctx, b.name, mapping, b.parent); err != nil {
		return fmt.Errorf("base path: %w", err)
	}
	api.domainURL = pulumi.String(strings.TrimSuffix("https://"+b.args.DomainName+"/"+b.args.DomainBasePath,
		"/")).ToStringOutput()
	return b.records(domain.DomainName, domain.RegionalDomainName, domain.RegionalZoneId)
}

// records make the domain resolve to an endpoint of AWS, if there is a zone to make them in.
func (b builder) records(domain, endpoint, endpointZone pulumi.StringInput) error {
	if b.args.DomainHostedZone == nil {
		return nil
	}
	for _, kind := range b.args.addresses().records {
		err := b.aliasRecord(b.name+"-"+strings.ToLower(kind), aliasRecord{
			zone: b.args.DomainHostedZone, name: domain, kind: kind,
			endpoint: endpoint, endpointZone: endpointZone,
		})
		if err != nil {
			return fmt.Errorf("DNS record: %w", err)
		}
	}
	return nil
}

// addresses are the kind of addresses that a domain is reached at, and the DNS records for them.
type addresses struct {
	kind    string
	records []string
}

// addresses of the domain: IPv6 too, unless that would turn callers away, whose ranges are all IPv4.
func (a Args) addresses() addresses {
	is6 := func(r string) bool { prefix, err := netip.ParsePrefix(r); return err == nil && prefix.Addr().Is6() }
	if len(a.AllowedSourceRanges) > 0 && !slices.ContainsFunc(a.AllowedSourceRanges, is6) {
		return addresses{"ipv4", []string{"A"}}
	}
	return addresses{"dualstack", []string{"A", "AAAA"}}
}
